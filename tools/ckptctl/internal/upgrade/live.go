package upgrade

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// Cluster says which cluster to ask; empty fields are what kubectl would take.
type Cluster struct{ Kubeconfig, Context string }

// Live returns the storage objects of a release as Helm last installed or upgraded it. Both Helms keep a release in
// secrets of the namespace, one for each revision. Helm's own package for them brings the drivers of SQL databases
// along, so they are read here.
func (c Cluster) Live(ctx context.Context, release, namespace string) (Objects, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.Kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: c.Context}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("the cluster cannot be asked: %w; give the old values with --from instead", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	secrets, err := client.CoreV1().Secrets(namespace).List(ctx, metav1.ListOptions{LabelSelector: "owner=helm,status=deployed,name=" + release})
	if err != nil {
		return nil, fmt.Errorf("the releases of namespace %s cannot be listed: %w", namespace, err)
	}
	newest, text := 0, []byte(nil)
	for _, secret := range secrets.Items {
		if revision, err := strconv.Atoi(secret.Labels["version"]); err == nil && revision > newest {
			newest, text = revision, secret.Data["release"]
		}
	}
	if text == nil {
		return nil, fmt.Errorf("there is no deployed release %s in namespace %s; `helm list --namespace %s` shows what is there", release, namespace, namespace)
	}
	manifest, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("release %s in namespace %s cannot be read: %w", release, namespace, err)
	}
	return Parse(manifest)
}

// decode returns the manifest of a stored release: JSON, packed with gzip, in base64.
func decode(text []byte) (string, error) {
	packed, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return "", err
	}
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", err
	}
	plain, err := io.ReadAll(reader)
	if err != nil {
		return "", err
	}
	var release struct {
		Manifest string `json:"manifest"`
	}
	err = json.Unmarshal(plain, &release)
	return release.Manifest, err
}
