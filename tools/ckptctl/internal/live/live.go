// Package live reaches the cluster that a release is on, and reads the release as Helm stored it.
package live

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

// Client speaks to the cluster.
func (c Cluster) Client() (kubernetes.Interface, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.Kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: c.Context}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("the cluster cannot be asked: %w", err)
	}
	// A doctor asks for a dozen kinds at once: the library's own limit of 5 a second would make people wait.
	config.QPS, config.Burst = 50, 100
	return kubernetes.NewForConfig(config)
}

// Release is one revision of a release, as Helm stored it.
type Release struct {
	Revision int
	// Status is Helm's word, such as deployed, failed or pending-install; Description is what went wrong, where something did.
	Status, Description string
	// Manifest is what Helm sent, a stream of YAML documents.
	Manifest string
}

// Newest returns the newest revision that a label selector allows, such as "status=deployed"; nil when there is none. Both
// Helms keep a release in secrets of the namespace, one for each revision. Helm's own package for them brings the drivers
// of SQL databases along, so they are read here.
func Newest(ctx context.Context, client kubernetes.Interface, name, namespace, selector string) (*Release, error) {
	if selector != "" {
		selector = "," + selector
	}
	secrets, err := client.CoreV1().Secrets(namespace).List(ctx, metav1.ListOptions{LabelSelector: "owner=helm,name=" + name + selector})
	if err != nil {
		return nil, err
	}
	newest, text := 0, []byte(nil)
	for _, secret := range secrets.Items {
		if revision, err := strconv.Atoi(secret.Labels["version"]); err == nil && revision > newest {
			newest, text = revision, secret.Data["release"]
		}
	}
	if text == nil {
		return nil, nil
	}
	release, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("release %s in namespace %s cannot be read: %w", name, namespace, err)
	}
	release.Revision = newest
	return release, nil
}

// Deployed returns the release as Helm last installed or upgraded it.
func (c Cluster) Deployed(ctx context.Context, name, namespace string) (*Release, error) {
	client, err := c.Client()
	if err != nil {
		return nil, fmt.Errorf("%w; give the old values with --from instead", err)
	}
	release, err := Newest(ctx, client, name, namespace, "status=deployed")
	if err != nil {
		return nil, fmt.Errorf("the releases of namespace %s cannot be listed: %w", namespace, err)
	}
	if release == nil {
		return nil, fmt.Errorf("there is no deployed release %s in namespace %s; `helm list --namespace %s` shows what is there", name, namespace, namespace)
	}
	return release, nil
}

// decode reads a stored release: JSON, packed with gzip, in base64.
func decode(text []byte) (*Release, error) {
	packed, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return nil, err
	}
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(reader)
	if err != nil {
		return nil, err
	}
	var stored struct {
		Manifest string `json:"manifest"`
		Info     struct {
			Status      string `json:"status"`
			Description string `json:"description"`
		} `json:"info"`
	}
	if err := json.Unmarshal(plain, &stored); err != nil {
		return nil, err
	}
	return &Release{Status: stored.Info.Status, Description: stored.Info.Description, Manifest: stored.Manifest}, nil
}
