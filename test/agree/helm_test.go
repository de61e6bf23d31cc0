package agree

import (
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"

	"checkpoint-storage/tools/ckptctl/check"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	helmvalues "helm.sh/helm/v3/pkg/cli/values"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/getter"
	chart4 "helm.sh/helm/v4/pkg/chart"
	common4 "helm.sh/helm/v4/pkg/chart/common"
	util4 "helm.sh/helm/v4/pkg/chart/common/util"
	loader4 "helm.sh/helm/v4/pkg/chart/v2/loader"
	values4 "helm.sh/helm/v4/pkg/cli/values"
	engine4 "helm.sh/helm/v4/pkg/engine"
	getter4 "helm.sh/helm/v4/pkg/getter"
)

const (
	release   = "checkpoints"
	namespace = "train"
)

// verdict is what a Helm says of values: nothing, or why it refuses them.
type verdict struct {
	// merged are the values that the templates get, as JSON.
	merged string
	// schema and templates are the refusals; at most one is set.
	schema, templates string
	// rendered is what comes from each template.
	rendered map[string]string
}

func (v verdict) refused() bool { return v.schema != "" || v.templates != "" }

// helms are both Helms, by name, taken from their libraries, and ckptctl as each of them reads.
type helms struct {
	three *chart.Chart
	four  chart4.Charter
	tool  map[check.Helm]*check.Chart
	// schema is compiled once, as both Helms do for each set of values.
	schema *jsonschema.Schema
}

func load(t *testing.T, dir string) helms {
	t.Helper()
	mutex.Lock()
	defer mutex.Unlock()
	if h, ok := loaded[dir]; ok {
		return h
	}
	three, err := loader.LoadDir(dir)
	require.NoError(t, err)
	four, err := loader4.LoadDir(dir)
	require.NoError(t, err)
	tool := map[check.Helm]*check.Chart{}
	for _, helm := range []check.Helm{check.Helm3, check.Helm4} {
		tool[helm], err = check.Open(os.DirFS(dir), helm)
		require.NoError(t, err)
	}
	loaded[dir] = helms{three, four, tool, compile(t, string(three.Schema))}
	return loaded[dir]
}

// loaded are the charts by their folder.
var (
	mutex  sync.Mutex
	loaded = map[string]helms{}
)

func (h helms) helm3(t *testing.T, files ...string) verdict {
	t.Helper()
	merge := helmvalues.Options{ValueFiles: files}
	given, err := merge.MergeValues(getter.Providers{})
	require.NoError(t, err)
	merged, err := chartutil.CoalesceValues(h.three, given)
	require.NoError(t, err)
	v := verdict{merged: text(t, merged)}
	if err := h.schema.Validate(map[string]any(merged)); err != nil {
		v.schema = err.Error()
		return v
	}
	top, err := chartutil.ToRenderValuesWithSchemaValidation(h.three, given, chartutil.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}, chartutil.DefaultCapabilities, true)
	require.NoError(t, err)
	if v.rendered, err = (engine.Engine{}).Render(h.three, top); err != nil {
		v.templates = err.Error()
	}
	return v
}

func (h helms) helm4(t *testing.T, files ...string) verdict {
	t.Helper()
	merge := values4.Options{ValueFiles: files}
	given, err := merge.MergeValues(getter4.Providers{})
	require.NoError(t, err)
	merged, err := util4.CoalesceValues(h.four, given)
	require.NoError(t, err)
	v := verdict{merged: text(t, merged)}
	if err := h.schema.Validate(map[string]any(merged)); err != nil {
		v.schema = err.Error()
		return v
	}
	top, err := util4.ToRenderValuesWithSchemaValidation(h.four, given, common4.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}, common4.DefaultCapabilities, true)
	require.NoError(t, err)
	if v.rendered, err = (engine4.Engine{}).RenderWithContext(t.Context(), h.four, top); err != nil {
		v.templates = err.Error()
	}
	return v
}

func text(t *testing.T, value any) string {
	t.Helper()
	out, err := json.Marshal(value)
	require.NoError(t, err)
	return string(out)
}

// words undoes what the engine does to the text of an error: quoting.
func words(text string) string {
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(text)
}

// compile prepares the schema as both Helms do.
func compile(t *testing.T, text string) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("file:///values.schema.json", document))
	compiled, err := compiler.Compile("file:///values.schema.json")
	require.NoError(t, err)
	return compiled
}
