// Package render proves what the chart renders, without a cluster.
package render

import (
	"path/filepath"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/engine"

	"github.com/gruntwork-io/terratest/modules/helm"
	"github.com/gruntwork-io/terratest/modules/k8s"
	"github.com/gruntwork-io/terratest/modules/logger"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/cli/values"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
)

const (
	chartPath = "../../charts/checkpoint-storage"
	release   = "checkpoints"
	namespace = "train"
)

// fixture is one values file of a backend's testdata.
type fixture struct {
	backend, name, file string
}

// fixtures finds testdata/_<kind>-<name>.values.yaml of every backend, so that a new backend brings its own tests.
func fixtures(t *testing.T, kind string) []fixture {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(chartPath, "templates/backends/*/testdata/_"+kind+"-*.values.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var out []fixture
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "_"+kind+"-"), ".values.yaml")
		absolute, err := filepath.Abs(file)
		require.NoError(t, err)
		out = append(out, fixture{filepath.Base(filepath.Dir(filepath.Dir(file))), name, absolute})
	}
	return out
}

// render runs `helm template` and returns its output: all of it, or what comes from the templates that are named. Under
// `go test -short` renderHere takes its place.
func render(t *testing.T, options *helm.Options, templates ...string) (string, error) {
	t.Helper()
	if testing.Short() {
		return renderHere(options, templates...)
	}
	options.KubectlOptions = k8s.NewKubectlOptions("", "", namespace)
	options.Logger = logger.Discard
	return helm.RenderTemplateContextE(t, t.Context(), options, chartPath, release, templates)
}

// renderHere renders by Helm's library in this process, in a fraction of the time that the program takes; TestAccepted holds
// that the output is the same.
func renderHere(options *helm.Options, templates ...string) (string, error) {
	given := values.Options{ValueFiles: options.ValuesFiles}
	for key, value := range options.SetValues {
		given.Values = append(given.Values, key+"="+value)
	}
	for key, value := range options.SetJSONValues {
		given.JSONValues = append(given.JSONValues, key+"="+value)
	}
	return engine.Template(given, release, namespace, templates...)
}

// objects are what a release renders, by kind, decoded strictly into the API's own types.
type objects struct {
	volumes    []*corev1.PersistentVolume
	claims     []*corev1.PersistentVolumeClaim
	classes    []*storagev1.StorageClass
	configMaps []*corev1.ConfigMap
	pods       []*corev1.Pod
	// jobs are the hooks of helm test, and scripts what they run.
	jobs    []*batchv1.Job
	scripts []*corev1.ConfigMap
	// prepares are the Jobs that make a directory.
	prepares []*batchv1.Job
}

func decode(t *testing.T, manifest string) objects {
	t.Helper()
	decoder := strictCodecs.UniversalDeserializer()
	var out objects
	for _, document := range strings.Split(manifest, "\n---") {
		document = strings.TrimSpace(strings.TrimPrefix(document, "---"))
		if document == "" || !strings.Contains(document, "kind:") {
			continue
		}
		object, _, err := decoder.Decode([]byte(document), nil, nil)
		require.NoError(t, err, document)
		switch o := object.(type) {
		case *corev1.PersistentVolume:
			out.volumes = append(out.volumes, o)
		case *corev1.PersistentVolumeClaim:
			out.claims = append(out.claims, o)
		case *storagev1.StorageClass:
			out.classes = append(out.classes, o)
		case *corev1.ConfigMap:
			if o.Annotations["helm.sh/hook"] == "" {
				out.configMaps = append(out.configMaps, o)
			} else {
				out.scripts = append(out.scripts, o)
			}
		case *batchv1.Job:
			if o.Annotations["helm.sh/hook"] == "" {
				out.prepares = append(out.prepares, o)
			} else {
				out.jobs = append(out.jobs, o)
			}
		case *corev1.Pod:
			out.pods = append(out.pods, o)
		default:
			require.Failf(t, "unexpected kind", "%T", object)
		}
	}
	return out
}
