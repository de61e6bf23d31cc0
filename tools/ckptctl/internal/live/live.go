// Package live reaches the cluster that a release is on, and reads the release as Helm stored it.
package live

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"checkpoint-storage/tools/ckptctl/internal/paste"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

// Connection selects a cluster; empty fields have kubectl's defaults.
type Connection struct {
	Kubeconfig, Context string
	// Timeout limits one request to the API server; 0 is Patience.
	Timeout time.Duration
}

// Named is the cluster as printed commands name it.
func (c Connection) Named() paste.Cluster {
	return paste.Cluster{Kubeconfig: c.Kubeconfig, Context: c.Context}
}

const (
	// Patience is the default time limit of a request.
	Patience = 30 * time.Second
	// answers bounds a series of requests: together they take no longer than the limit of that many, even if the server
	// makes the client wait before it retries.
	answers = 4
	// maxRelease limits the size of an unpacked release, in bytes. A Secret holds 1 MiB, and Helm's releases are compressed to
	// a fifth or a tenth.
	maxRelease = 16 << 20
	// page is the number of revisions read per request: there may be many.
	page = 10
)

// Within limits a context to the time for a series of requests.
func (c Connection) Within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, answers*c.patience())
}

func (c Connection) patience() time.Duration { return cmp.Or(c.Timeout, Patience) }

// Explain adds the server's address to a timeout error.
func (c Connection) Explain(err error) error {
	var late interface{ Timeout() bool }
	timeout := errors.Is(err, context.DeadlineExceeded) || errors.As(err, &late) && late.Timeout()
	if !timeout {
		return err
	}
	config, unknown := c.config()
	if unknown != nil {
		return err
	}
	return fmt.Errorf("the API server %s did not answer within %s (--request-timeout): %w", config.Host, c.patience(), err)
}

func (c Connection) config() (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.Kubeconfig
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: c.Context}).ClientConfig()
}

// Client returns a client for the cluster.
func (c Connection) Client() (kubernetes.Interface, error) {
	config, err := c.config()
	if err != nil {
		return nil, fmt.Errorf("the cluster cannot be reached: %w", err)
	}
	// doctor lists a dozen resources at once: client-go's default limit of 5 requests a second would be slow.
	config.QPS, config.Timeout = -1, c.patience()
	// Errors are returned. Whatever client-go prints would bypass the output writers.
	config.WarningHandler = rest.NoWarnings{}
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	return kubernetes.NewForConfig(config)
}

// StoredRelease is one revision of a release, as Helm stored it.
type StoredRelease struct {
	Revision int
	// Status is Helm's status, such as deployed, failed or pending-install; Description holds the error of a failed operation.
	Status, Description string
	// Manifest is a stream of YAML documents.
	Manifest string
	// ChartVersion is the version of its chart.
	ChartVersion string
	// Secret is the name of the revision's Secret.
	Secret string
}

// CorruptError says that the Secret of a release holds none.
type CorruptError struct{ error }

// Newest returns the newest revision that matches a label selector, such as "status=deployed"; nil if there is none. Helm 3
// and Helm 4 store each revision in a Secret of the namespace. They are read here because Helm's own package depends on SQL
// drivers.
func Newest(ctx context.Context, client kubernetes.Interface, name, namespace, selector string) (*StoredRelease, error) {
	if selector != "" {
		selector = "," + selector
	}
	all, err := newest(ctx, client, namespace, "name="+name+selector)
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		return one.release(namespace)
	}
	return nil, nil
}

// All returns the newest revision of every release of a namespace, by name, without those that are uninstalled. A release
// whose Secret holds none is left out.
func All(ctx context.Context, client kubernetes.Interface, namespace string) (map[string]*StoredRelease, error) {
	all, err := newest(ctx, client, namespace, "status!=uninstalled")
	if err != nil {
		return nil, err
	}
	out := map[string]*StoredRelease{}
	for name, one := range all {
		if release, err := one.release(namespace); err == nil {
			out[name] = release
		}
	}
	return out, nil
}

// revision is a Secret in which Helm has stored a revision.
type revision struct {
	name, secret string
	number       int
	text         []byte
}

// newest returns the newest revision of each release that a label selector matches.
func newest(ctx context.Context, client kubernetes.Interface, namespace, selector string) (map[string]revision, error) {
	out := map[string]revision{}
	for options := (metav1.ListOptions{LabelSelector: "owner=helm," + selector, Limit: page}); ; {
		secrets, err := client.CoreV1().Secrets(namespace).List(ctx, options)
		if err != nil {
			return nil, err
		}
		for _, secret := range secrets.Items {
			name := secret.Labels["name"]
			if number, err := strconv.Atoi(secret.Labels["version"]); err == nil && number > out[name].number {
				out[name] = revision{name, secret.Name, number, secret.Data["release"]}
			}
		}
		if options.Continue = secrets.Continue; options.Continue == "" {
			return out, nil
		}
	}
}

// release unpacks a revision; nil if the Secret has none.
func (r revision) release(namespace string) (*StoredRelease, error) {
	if r.text == nil {
		return nil, nil
	}
	release, err := decode(r.text)
	if err != nil {
		return nil, CorruptError{fmt.Errorf("release %s in namespace %s cannot be read: its Secret of revision %d: %w", r.name, namespace, r.number, err)}
	}
	release.Revision, release.Secret = r.number, r.secret
	return release, nil
}

// Deployed returns the release as Helm last installed or upgraded it.
func (c Connection) Deployed(ctx context.Context, name, namespace string) (*StoredRelease, error) {
	client, err := c.Client()
	if err != nil {
		return nil, fmt.Errorf("%w; give the old values with --from instead", err)
	}
	ctx, cancel := c.Within(ctx)
	defer cancel()
	release, err := Newest(ctx, client, name, namespace, "status=deployed")
	if err != nil {
		return nil, c.Explain(fmt.Errorf("the releases of namespace %s cannot be read: %w", namespace, err))
	}
	newest, err := Newest(ctx, client, name, namespace, "")
	if err != nil {
		return nil, c.Explain(fmt.Errorf("the releases of namespace %s cannot be read: %w", namespace, err))
	}
	if newest != nil && strings.HasPrefix(newest.Status, "pending-") {
		return nil, fmt.Errorf("release %s in namespace %s is %s at revision %d: Helm refuses every upgrade until that has ended or is undone; `ckptctl doctor` says how", name, namespace, newest.Status, newest.Revision)
	}
	if release == nil {
		return nil, fmt.Errorf("there is no deployed release %s in namespace %s; `helm list --namespace %s` lists the releases", name, namespace, paste.Word(namespace))
	}
	return release, nil
}

// decode reads a stored release: JSON, packed with gzip, in base64.
func decode(text []byte) (*StoredRelease, error) {
	packed, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return nil, err
	}
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(reader, maxRelease+1))
	if err != nil {
		return nil, err
	}
	if len(plain) > maxRelease {
		return nil, fmt.Errorf("it is larger than %d MiB when unpacked, and no release is", maxRelease>>20)
	}
	var stored struct {
		Manifest string `json:"manifest"`
		Chart    struct {
			Metadata struct {
				Version string `json:"version"`
			} `json:"metadata"`
		} `json:"chart"`
		Info struct {
			Status      string `json:"status"`
			Description string `json:"description"`
		} `json:"info"`
	}
	if err := json.Unmarshal(plain, &stored); err != nil {
		return nil, err
	}
	return &StoredRelease{Status: stored.Info.Status, Description: stored.Info.Description, Manifest: stored.Manifest, ChartVersion: stored.Chart.Metadata.Version}, nil
}
