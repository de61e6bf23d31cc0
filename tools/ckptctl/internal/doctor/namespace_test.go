package doctor

import (
	"context"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestReleases checks that every trace of a store in a namespace names its release, and that no other release is named.
func TestReleases(t *testing.T) {
	ctx := context.Background()
	client := fakeCluster(t, false)
	of := func(release, namespace string) metav1.ObjectMeta {
		return metav1.ObjectMeta{
			Name: release, Namespace: ns, Labels: map[string]string{Instance: release, "app.kubernetes.io/component": "checkpoint-storage"},
			Annotations: map[string]string{"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace},
		}
	}
	failed := stored(t, "---\n# Source: checkpoint-storage/templates/persistent-volume-claim.yaml\nkind: PersistentVolumeClaim\nmetadata: {name: failed}\n")
	failed.Name, failed.Labels = "sh.helm.release.v1.failed.v1", map[string]string{"owner": "helm", "name": "failed", "status": "failed", "version": "1"}
	other := stored(t, "---\n# Source: database/templates/persistent-volume-claim.yml\nkind: PersistentVolumeClaim\nmetadata: {name: other}\n")
	other.Name, other.Labels = "sh.helm.release.v1.other.v1", map[string]string{"owner": "helm", "name": "other", "status": "deployed", "version": "1"}
	for _, secret := range []*corev1.Secret{failed, other} {
		_, err := client.CoreV1().Secrets(ns).Create(ctx, secret, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	_, err := client.CoreV1().ConfigMaps(ns).Create(ctx, &corev1.ConfigMap{ObjectMeta: of("publisher", ns)}, metav1.CreateOptions{})
	require.NoError(t, err)
	for _, claim := range []metav1.ObjectMeta{of("kept", ns), of("elsewhere", "platform")} {
		_, err := client.CoreV1().PersistentVolumeClaims(ns).Create(ctx, &corev1.PersistentVolumeClaim{ObjectMeta: claim}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	names, err := Releases(ctx, client, ns)
	require.NoError(t, err)
	assert.Equal(t, []string{"failed", "kept", "publisher"}, names)
	forbid(client, "secrets")
	names, err = Releases(ctx, client, ns)
	require.NoError(t, err)
	assert.Equal(t, []string{"kept", "publisher"}, names)
}

// TestSchema holds the JSON of a release and of a namespace to the schema, with a text in every string of a report: fields are
// found by reflection, so that later ones are covered.
func TestSchema(t *testing.T) {
	text, err := os.ReadFile("../../doctor.schema.json")
	require.NoError(t, err)
	schema := jsonschema.MustCompileString("doctor.schema.json", string(text))
	var all Namespace
	feed(reflect.ValueOf(&all).Elem())
	for _, r := range all.Releases {
		for i := range r.Diagnoses {
			r.Diagnoses[i].Severity = Broken
		}
	}
	var document, words strings.Builder
	require.NoError(t, all.WriteJSON(&document))
	require.NoError(t, all.WriteText(&words))
	assert.NotRegexp(t, obeyed, document.String())
	assert.NotRegexp(t, obeyed, words.String())
	assert.Equal(t, 1, strings.Count(words.String(), "may not be read"), "it is the same for all")
	var decoded map[string]any
	require.NoError(t, json.Unmarshal([]byte(document.String()), &decoded))
	assert.NoError(t, schema.Validate(decoded))
	assert.NoError(t, schema.Validate(decoded["releases"].([]any)[0]))
	assert.Error(t, schema.Validate(map[string]any{"releases": []any{}}))
	assert.Error(t, schema.Validate(map[string]any{"release": "a"}))
}
