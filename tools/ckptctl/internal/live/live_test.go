package live

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// secret is a revision as Helm stores it, of a JSON text.
func secret(t *testing.T, revision int, text io.Reader) *corev1.Secret {
	t.Helper()
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, err := io.Copy(writer, text)
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("sh.helm.release.v1.checkpoints.v%d", revision), Namespace: "training", Labels: map[string]string{
			"owner": "helm", "name": "checkpoints", "status": "deployed", "version": fmt.Sprint(revision),
		}},
		Data: map[string][]byte{"release": []byte(base64.StdEncoding.EncodeToString(packed.Bytes()))},
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// TestBomb checks that a Secret which unpacks to 128 MiB is refused at a size that no release has, and that one
// just below it is read.
func TestBomb(t *testing.T) {
	text := func(size int64) io.Reader {
		return io.MultiReader(strings.NewReader(`{"manifest":"`), io.LimitReader(zeros{}, size), strings.NewReader(`"}`))
	}
	bomb := secret(t, 2, text(128<<20))
	require.Less(t, len(bomb.Data["release"]), 1<<20)
	client := fake.NewClientset(bomb)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Newest(context.Background(), client, "checkpoints", "training", "")
	runtime.ReadMemStats(&after)
	require.EqualError(t, err, "release checkpoints in namespace training cannot be read: its Secret of revision 2: it is larger than 16 MiB when unpacked, and no release is")
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(100<<20))

	large, err := Newest(context.Background(), fake.NewClientset(secret(t, 1, text(15<<20))), "checkpoints", "training", "")
	require.NoError(t, err)
	assert.Len(t, large.Manifest, 15<<20)
}
