package render

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/tools/catalog"

	"github.com/gruntwork-io/terratest/modules/helm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// monitored are the values of a store with every alert.
func monitored(values map[string]string) map[string]string {
	all := map[string]string{
		"backend": `"nfs"`, "nfs": `{"server": "10.0.0.5", "path": "/export"}`, "accessModes": `["ReadWriteMany"]`, "size": `"4Ti"`,
		"frameworks": `["dcp"]`, "retention": `{"checkpointSize": "100Gi"}`, "monitoring": `{"enabled": true}`, "freshness": `{"maxAge": "6h"}`,
	}
	for key, value := range values {
		all[key] = value
	}
	return all
}

// rule is one of Prometheus.
type rule struct {
	Record      string            `json:"record,omitempty"`
	Alert       string            `json:"alert,omitempty"`
	Expr        string            `json:"expr"`
	For         string            `json:"for,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// groups are the rules of a file.
type groups struct {
	Groups []struct {
		Name  string `json:"name"`
		Rules []rule `json:"rules"`
	} `json:"groups"`
}

// alerts returns what the chart renders for Prometheus, which a ConfigMap holds as a file; nil where there is none.
func alerts(t *testing.T, values map[string]string) groups {
	t.Helper()
	values["monitoring"] = strings.Replace(values["monitoring"], `"enabled": true`, `"enabled": true, "kind": "ConfigMap"`, 1)
	manifest, err := render(t, &helm.Options{SetJSONValues: values})
	require.NoError(t, err)
	var out groups
	for _, object := range decodeAll(t, manifest)["ConfigMap"] {
		text, err := yaml.Marshal(object)
		require.NoError(t, err)
		var config corev1.ConfigMap
		require.NoError(t, yaml.UnmarshalStrict(text, &config))
		if file, found := config.Data[namespace+"."+release+".yaml"]; found {
			require.NoError(t, yaml.UnmarshalStrict([]byte(file), &out))
		}
	}
	return out
}

// names are those of the alerts.
func (g groups) names() []string {
	var out []string
	for _, group := range g.Groups {
		for _, rule := range group.Rules {
			if rule.Alert != "" {
				out = append(out, rule.Alert)
			}
		}
	}
	return out
}

// TestAlertsFireAndKeepSilent has promtool judge every alert on what is scraped in testdata/alerts.test.yaml, where each has
// to fire and to be silent at least once.
func TestAlertsFireAndKeepSilent(t *testing.T) {
	t.Parallel()
	got := alerts(t, monitored(nil))
	dir := t.TempDir()
	for _, group := range got.Groups {
		for i := range group.Rules {
			group.Rules[i].Annotations = nil
		}
	}
	file, err := yaml.Marshal(got)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rules.yaml"), file, 0o600))
	text, err := os.ReadFile("testdata/alerts.test.yaml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "test.yaml"), text, 0o600))
	command := exec.CommandContext(t.Context(), "promtool", "test", "rules", "test.yaml")
	command.Dir = dir
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))

	var suite struct {
		Tests []struct {
			AlertRuleTest []struct {
				Alertname string           `json:"alertname"`
				ExpAlerts []map[string]any `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		} `json:"tests"`
	}
	require.NoError(t, yaml.Unmarshal(text, &suite))
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range suite.Tests {
		for _, expected := range test.AlertRuleTest {
			where := silent
			if len(expected.ExpAlerts) > 0 {
				where = fires
			}
			where[expected.Alertname] = true
		}
	}
	known, err := catalog.Alerts(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	require.Len(t, got.names(), len(known))
	for _, alert := range known {
		assert.True(t, fires[alert.Name], "no test has %s fire", alert.Name)
		assert.True(t, silent[alert.Name], "no test has %s keep silent", alert.Name)
	}
}

// TestAlertsAreWhole checks that promtool takes the rules, that every word is filled in, and that every alert leads to its
// runbook and to the command that explains it.
func TestAlertsAreWhole(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(charts.Chart(), "docs", "alerts.md"))
	require.NoError(t, err)
	word := regexp.MustCompile(`\{[a-zA-Z]+\}`)
	for name, values := range map[string]map[string]string{
		"one claim": {}, "shards": {"shards": "3", "nfs": `{"server": "10.0.0.5", "path": "/export/{shard}"}`, "freshness": "{}"},
	} {
		got := alerts(t, monitored(values))
		text, err := yaml.Marshal(got)
		require.NoError(t, err)
		file := filepath.Join(t.TempDir(), "rules.yaml")
		require.NoError(t, os.WriteFile(file, text, 0o600))
		out, err := exec.CommandContext(t.Context(), "promtool", "check", "rules", "--lint-fatal", file).CombinedOutput()
		require.NoError(t, err, "%s: %s", name, out)
		for _, rule := range got.Groups[0].Rules {
			assert.Empty(t, word.FindString(rule.Expr), "%s: %s%s", name, rule.Alert, rule.Record)
			if rule.Alert == "" {
				continue
			}
			assert.Empty(t, word.FindString(rule.Annotations["summary"]), "%s: %s", name, rule.Alert)
			assert.Contains(t, string(page), "\n### "+rule.Alert+"\n", "the runbook has no section of it")
			assert.Equal(t, "ckptctl doctor "+release+" -n "+namespace, rule.Annotations["doctor"])
			assert.Equal(t, "docs/alerts.md#"+strings.ToLower(rule.Alert), rule.Annotations["runbook_url"])
		}
	}
}

// TestAlertsCountShards checks that each of the claims has to have room for its share of a checkpoint.
func TestAlertsCountShards(t *testing.T) {
	t.Parallel()
	got := alerts(t, monitored(map[string]string{"shards": "4", "nfs": `{"server": "10.0.0.5", "path": "/export/{shard}"}`, "freshness": "{}", "claim": `{"name": "a.b"}`}))
	for _, rule := range got.Groups[0].Rules {
		switch rule.Alert {
		case "CheckpointNoRoom":
			assert.Equal(t, `checkpoint_storage:available_bytes{namespace="`+namespace+`",persistentvolumeclaim=~"a[.]b-[0-9]+"} < 26843545600`, rule.Expr)
		case "CheckpointClaimMissing":
			assert.True(t, strings.HasSuffix(rule.Expr, "< 4"), rule.Expr)
		}
	}
}

// TestAlertsWithoutStatistics checks which alerts are left where the kubelet has no statistics, no check of freshness is
// made, and one is not wanted.
func TestAlertsWithoutStatistics(t *testing.T) {
	t.Parallel()
	got := alerts(t, monitored(map[string]string{"freshness": "{}", "monitoring": `{"enabled": true, "statistics": false, "without": ["CheckpointClaimMissing"]}`}))
	assert.Equal(t, []string{"CheckpointClaimNotBound", "CheckpointCrashLoop", "CheckpointVolumeUnusable"}, got.names())
	for _, rule := range got.Groups[0].Rules {
		assert.NotContains(t, rule.Expr, "kubelet_volume_stats")
	}
}

// TestAlertsAreAPrometheusRule checks that the object is what the types of the Prometheus Operator know, which decodeAll asks.
func TestAlertsAreAPrometheusRule(t *testing.T) {
	t.Parallel()
	manifest, err := render(t, &helm.Options{SetJSONValues: monitored(map[string]string{"monitoring": `{"enabled": true, "labels": {"release": "prometheus"}, "alertLabels": {"team": "research"}}`})})
	require.NoError(t, err)
	rules := decodeAll(t, manifest)["PrometheusRule"]
	require.Len(t, rules, 1)
	text, err := yaml.Marshal(rules[0])
	require.NoError(t, err)
	assert.Contains(t, string(text), "team: research")
}

// TestNothingIsMonitoredByDefault checks that the keys of alerts and of freshness change nothing while they are off.
func TestNothingIsMonitoredByDefault(t *testing.T) {
	t.Parallel()
	plain, err := render(t, &helm.Options{SetJSONValues: monitored(map[string]string{"monitoring": "{}", "freshness": "{}"})})
	require.NoError(t, err)
	set, err := render(t, &helm.Options{SetJSONValues: monitored(map[string]string{
		"monitoring": `{"labels": {"release": "prometheus"}, "window": "1h", "saves": 9}`, "freshness": `{"schedule": "@daily"}`,
	})})
	require.NoError(t, err)
	assert.Equal(t, plain, set)
	assert.NotContains(t, plain, "freshness")
}
