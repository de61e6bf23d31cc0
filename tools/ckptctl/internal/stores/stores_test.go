package stores

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	core "k8s.io/client-go/testing"
	"sigs.k8s.io/yaml"
)

// recorded returns the objects of testdata/cluster.yaml, which were read from a cluster.
func recorded(t *testing.T) []runtime.Object {
	t.Helper()
	text, err := os.ReadFile("testdata/cluster.yaml")
	require.NoError(t, err)
	var out []runtime.Object
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		var kind metav1.TypeMeta
		require.NoError(t, yaml.Unmarshal([]byte(document), &kind))
		object := map[string]runtime.Object{
			"ConfigMap": &corev1.ConfigMap{}, "PersistentVolumeClaim": &corev1.PersistentVolumeClaim{}, "PersistentVolume": &corev1.PersistentVolume{},
			"Pod": &corev1.Pod{}, "Secret": &corev1.Secret{}, "StorageClass": &storagev1.StorageClass{},
		}[kind.Kind]
		require.NotNil(t, object, document)
		require.NoError(t, yaml.UnmarshalStrict([]byte(document), object))
		if secret, is := object.(*corev1.Secret); is {
			secret.Data = map[string][]byte{"release": stored(t, secret.StringData)}
		}
		out = append(out, object)
	}
	return out
}

// stored packs a release as Helm does.
func stored(t *testing.T, of map[string]string) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{"manifest": of["manifest"], "info": map[string]string{"status": of["status"]}})
	require.NoError(t, err)
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, err = writer.Write(text)
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	return []byte(base64.StdEncoding.EncodeToString(packed.Bytes()))
}

// kubelet answers for node worker with what one has said.
func kubelet(_ context.Context, node string) ([]byte, error) {
	if node != "worker" {
		return nil, errors.New("dial tcp: no route to host")
	}
	return os.ReadFile("testdata/summary.json")
}

func read(t *testing.T, client *fake.Clientset, namespace string, usage Usage) Report {
	t.Helper()
	report, err := Read(t.Context(), client, namespace, usage)
	require.NoError(t, err)
	for _, a := range client.Actions() {
		assert.Contains(t, []string{"list", "get"}, a.GetVerb(), "%v", a)
	}
	return report
}

func (r Report) find(claim string) Store {
	for _, s := range r.Stores {
		if s.Claim == claim {
			return s
		}
	}
	return Store{}
}

func pasted(lines any) string {
	text, _ := json.Marshal(lines)
	return string(text)
}

// TestRead checks what is said of every kind of store.
func TestRead(t *testing.T) {
	report := read(t, fake.NewClientset(recorded(t)...), "", kubelet)
	states := map[string]string{}
	for _, s := range report.Stores {
		states[s.Namespace+"/"+s.Claim] = s.Release.State + " " + s.Release.Name
		assert.Equal(t, s.Release.orphan(), len(s.TakeBack) > 0, s.Claim)
	}
	assert.Equal(t, map[string]string{
		"training/checkpoints": "present checkpoints", "training/kept": "gone kept", "training/shard-0": "present shard", "training/shard-1": "left shard",
		"training/by-argo": "none by-argo", "training/published": "none ", "vision/both-0": "gone both", "vision/both-1": "gone both", "vision/lost": "gone lost",
		"vision/forged": "none ",
	}, states, "another's claim is no store")
	assert.Equal(t, []string{"training/publisher"}, report.find("published").Publishers)
	assert.Contains(t, pasted(report.find("kept").TakeBack), "--release kept ")
	assert.Contains(t, pasted(report.find("shard-1").TakeBack), "--release shard-1 ", "release shard is there, and has other claims")
	assert.Equal(t, report.find("both-0").TakeBack, report.find("both-1").TakeBack)
	assert.Contains(t, pasted(report.find("both-0").TakeBack), "helm -n vision upgrade --install both CHART -f VALUES")
	assert.Contains(t, pasted(report.find("lost").TakeBack), "ckptctl doctor lost -n vision")

	mounted := report.find("checkpoints")
	assert.Equal(t, []string{"trainer"}, mounted.Pods, "a pod that has ended does not count")
	require.NotNil(t, mounted.Used.Bytes)
	assert.Equal(t, []int64{80679612416, 270553174016}, []int64{*mounted.Used.Bytes, *mounted.Used.Capacity})
	assert.Equal(t, Unused{}, mounted.Unused)
	require.NotNil(t, report.find("kept").Unused.Since)
	assert.Equal(t, "2026-11-29T19:39:46Z", report.find("kept").Unused.Since.Format(time.RFC3339))
	assert.Contains(t, report.find("by-argo").Unused.Unknown, "no condition Unused")
	assert.Equal(t, "no running pod mounts the claim", report.find("kept").Used.Unknown)
	assert.Equal(t, "the kubelet of node away does not say: dial tcp: no route to host", report.find("shard-0").Used.Unknown)
	assert.Contains(t, report.find("published").Used.Unknown, "the kubelet of node worker has no statistics of the volume")

	released := map[string]string{}
	for _, v := range report.Released {
		released[v.Name] = v.Release.State + " " + v.Release.Name
	}
	assert.Equal(t, map[string]string{
		"training.bare": "gone bare", "training.gone-claim": "present checkpoints", "pvc-kept": "gone kept", "pvc-class": "none ", "vision.deleted": "gone bare",
	}, released, "another's volume, and one that is bound, are not listed")
	lines := map[string]string{}
	for _, v := range report.Released {
		lines[v.Name] = pasted(v.TakeBack)
	}
	assert.Contains(t, lines["training.bare"], "--release bare ")
	assert.Contains(t, lines["training.gone-claim"], "ckptctl doctor checkpoints -n training --fix")
	assert.Contains(t, lines["pvc-kept"], "--release kept-earlier ", "claim kept has another volume")
	assert.Contains(t, lines["pvc-class"], "--release class-claim ")
	assert.NotContains(t, lines["vision.deleted"], "kubectl", "the provisioner may be deleting it")

	one := read(t, fake.NewClientset(recorded(t)...), "vision", kubelet)
	assert.Len(t, one.Stores, 4)
	assert.Len(t, one.Released, 1)
}

// TestRights checks that what may not be read is listed once, and that nothing is concluded from it.
func TestRights(t *testing.T) {
	forbidden := func(client *fake.Clientset, resource string) {
		client.PrependReactor("list", resource, func(core.Action) (bool, runtime.Object, error) {
			return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", errors.New("no"))
		})
	}
	client := fake.NewClientset(recorded(t)...)
	forbidden(client, "secrets")
	report := read(t, client, "", func(context.Context, string) ([]byte, error) {
		return nil, apierrors.NewForbidden(schema.GroupResource{Resource: "nodes/proxy"}, "worker", errors.New("no"))
	})
	require.Len(t, report.Unread, 2, "%v", report.Unread)
	assert.Equal(t, Present, report.find("checkpoints").Release.State, "its ConfigMap says so")
	assert.Equal(t, Unknown, report.find("kept").Release.State)
	assert.Equal(t, "nodes/proxy may not be read", report.find("checkpoints").Used.Unknown)
	for _, s := range report.Stores {
		assert.Empty(t, s.TakeBack, s.Claim)
	}
	for _, v := range report.Released {
		if v.Release.State == Unknown {
			assert.NotContains(t, pasted(v.TakeBack), "kubectl")
		}
	}
	client = fake.NewClientset(recorded(t)...)
	forbidden(client, "pods")
	assert.Equal(t, "pods may not be read", read(t, client, "", kubelet).find("checkpoints").Used.Unknown)

	client = fake.NewClientset(recorded(t)...)
	client.PrependReactor("list", "persistentvolumes", func(core.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewInternalError(errors.New("etcd is gone"))
	})
	_, err := Read(t.Context(), client, "", kubelet)
	assert.ErrorContains(t, err, "persistentvolumes cannot be read")
}

// TestCorruptRelease checks that one release that cannot be read hides no other store.
func TestCorruptRelease(t *testing.T) {
	objects := recorded(t)
	for _, o := range objects {
		if secret, is := o.(*corev1.Secret); is && secret.Labels["name"] == "shard" {
			secret.Data["release"] = []byte("no release")
		}
	}
	report := read(t, fake.NewClientset(objects...), "", kubelet)
	assert.Equal(t, Unknown, report.find("shard-1").Release.State)
	assert.Equal(t, Gone, report.find("kept").Release.State)
	require.Len(t, report.Unread, 1)
	assert.Contains(t, report.Unread[0].Why, "release shard in namespace training cannot be read")
}

// TestFormats holds both formats to the schema and to what a terminal may be sent, with a hostile text in every string of a
// report: fields are found by reflection, so that later ones are covered.
func TestFormats(t *testing.T) {
	text, err := os.ReadFile("../../stores.schema.json")
	require.NoError(t, err)
	valid := jsonschema.MustCompileString("stores.schema.json", string(text))
	const orders = "x\x1b[2J\u202e\n::stop-commands::x ##vso[task.complete]"
	obeyed := regexp.MustCompile(`[^\n\P{C}]|##\[|##vso\[|(?m:^\s*::)`)
	var hostile Report
	assert.GreaterOrEqual(t, feed(reflect.ValueOf(&hostile).Elem(), orders), 20)
	for name, r := range map[string]Report{"hostile": hostile, "nothing": {Stores: []Store{}, Released: []Volume{}}, "recorded": read(t, fake.NewClientset(recorded(t)...), "", kubelet)} {
		t.Run(name, func(t *testing.T) {
			var document, words strings.Builder
			require.NoError(t, r.WriteJSON(&document))
			require.NoError(t, r.WriteText(&words, time.Now()))
			var decoded map[string]any
			require.NoError(t, json.Unmarshal([]byte(document.String()), &decoded))
			if name == "hostile" {
				for _, list := range []string{"stores", "releasedVolumes"} {
					for _, each := range decoded[list].([]any) {
						each.(map[string]any)["release"].(map[string]any)["state"] = Gone
					}
				}
			}
			assert.NoError(t, valid.Validate(decoded))
			assert.NotRegexp(t, obeyed, document.String())
			assert.NotRegexp(t, obeyed, words.String())
		})
	}
	assert.Error(t, valid.Validate(map[string]any{"stores": []any{}}))
}

// feed puts a text into every string of a value, and returns their number.
func feed(v reflect.Value, text string) int {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		return 1
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		return feed(v.Index(0), text) + feed(v.Index(1), text)
	case reflect.Struct:
		n := 0
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				n += feed(v.Field(i), text)
			}
		}
		return n
	}
	return 0
}

// TestText checks the words of the table.
func TestText(t *testing.T) {
	report := read(t, fake.NewClientset(recorded(t)...), "", kubelet)
	var out strings.Builder
	require.NoError(t, report.WriteText(&out, time.Date(2026, 12, 2, 20, 0, 0, 0, time.UTC)))
	for _, line := range []string{
		`training +checkpoints +checkpoints +Bound +1Gi +75\.14 GiB of 252 GiB +trainer +in use`,
		`training +kept +kept \(gone\) +Bound +1Gi +unknown +none +2026-11-29 19:39 UTC \(3 d\)`,
		`training +shard-1 +shard \(no longer has it\) +Bound`,
		`training +by-argo +by-argo \(without Helm\) +Bound`,
		`training +published +published by training/publisher +Bound`,
		`pvc-kept +training/kept +kept \(gone\) +1Gi +Retain`,
		`to take back claim vision/both-0, claim vision/both-1:`,
	} {
		assert.Regexp(t, "(?m)^"+line, out.String())
	}
	assert.Equal(t, "2 h", ago(150*time.Minute))
	assert.Equal(t, "0 min", ago(-time.Minute))
	assert.Equal(t, "a, b, c and 2 others", few([]string{"a", "b", "c", "d", "e"}))
	assert.LessOrEqual(t, len(earlier(strings.Repeat("a", 60))), 53)
}
