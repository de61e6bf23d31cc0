package render

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	stored "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"
	helmtime "helm.sh/helm/v3/pkg/time"
)

// mostStored is how many bytes a release of the chart alone may take in its Secret. Every revision has one, and a
// cluster's store takes no object above 1.5 MiB.
const mostStored = 280_000

// TestReleaseIsSmall holds what a release of the chart alone takes in the Secret that Helm keeps it in.
func TestReleaseIsSmall(t *testing.T) {
	t.Parallel()
	c, err := loader.LoadDir(chartPath)
	require.NoError(t, err)
	options := chartutil.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}
	top, err := chartutil.ToRenderValues(c, nil, options, chartutil.DefaultCapabilities)
	require.NoError(t, err)
	rendered, err := engine.Render(c, top)
	require.NoError(t, err)
	now := helmtime.Time{Time: time.Unix(1e9, 0)}
	kept := stored.Release{
		Name: options.Name, Namespace: options.Namespace, Version: options.Revision, Chart: c,
		Info: &stored.Info{FirstDeployed: now, LastDeployed: now, Status: stored.StatusDeployed, Description: "Install complete"},
	}
	maps.DeleteFunc(rendered, func(name, text string) bool {
		notes := strings.HasSuffix(name, "NOTES.txt")
		if notes {
			kept.Info.Notes = text
		}
		return notes
	})
	hooks, manifests, err := releaseutil.SortManifests(rendered, nil, releaseutil.InstallOrder)
	require.NoError(t, err)
	kept.Hooks = hooks
	for _, m := range manifests {
		kept.Manifest += fmt.Sprintf("---\n# Source: %s\n%s\n", m.Name, m.Content)
	}
	size := encoded(t, kept)
	t.Logf("a release takes %d bytes", size)
	assert.LessOrEqual(t, size, mostStored)
}

// encoded is the size of a release as Helm's driver of Secrets writes it.
func encoded(t *testing.T, kept stored.Release) int {
	t.Helper()
	text, err := json.Marshal(kept)
	require.NoError(t, err)
	var packed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	require.NoError(t, err)
	_, err = writer.Write(text)
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	return base64.StdEncoding.EncodedLen(packed.Len())
}
