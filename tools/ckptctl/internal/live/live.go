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

// Connection says which cluster to ask; empty fields are what kubectl would take.
type Connection struct {
	Kubeconfig, Context string
	// Timeout is how long the API server may take for one answer, its end included; 0 is Patience.
	Timeout time.Duration
}

const (
	// Patience is how long an API server may take for an answer where nobody says so.
	Patience = 30 * time.Second
	// answers bounds what is asked at a time: all of it takes no longer than that many answers may, whatever the server
	// has the client wait for before it asks again.
	answers = 4
	// maxRelease is how large a stored release may be when it is unpacked, in bytes. A Secret holds 1 MiB, and what Helm
	// stores, the chart's own files among it, is packed to a fifth or a tenth.
	maxRelease = 16 << 20
	// page is how many revisions are read at a time: whoever may write Secrets may write many.
	page = 10
)

// Within bounds a context by the time that a number of answers may take.
func (c Connection) Within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, answers*c.patience())
}

func (c Connection) patience() time.Duration { return cmp.Or(c.Timeout, Patience) }

// Explain says of an error which server did not answer, where it is that.
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

// Client speaks to the cluster.
func (c Connection) Client() (kubernetes.Interface, error) {
	config, err := c.config()
	if err != nil {
		return nil, fmt.Errorf("the cluster cannot be asked: %w", err)
	}
	// A doctor asks for a dozen kinds at once: the library's own limit of 5 a second would make people wait.
	config.QPS, config.Timeout = -1, c.patience()
	// What goes wrong is returned. What the library prints besides, the server's warnings among it, goes past the printers.
	config.WarningHandler = rest.NoWarnings{}
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	return kubernetes.NewForConfig(config)
}

// StoredRelease is one revision of a release, as Helm stored it.
type StoredRelease struct {
	Revision int
	// Status is Helm's word, such as deployed, failed or pending-install; Description is what went wrong, where something did.
	Status, Description string
	// Manifest is what Helm sent, a stream of YAML documents.
	Manifest string
	// Secret is the name of the Secret that the revision is in.
	Secret string
}

// Newest returns the newest revision that a label selector allows, such as "status=deployed"; nil when there is none. Both
// Helms keep a release in secrets of the namespace, one for each revision. Helm's own package for them brings the drivers
// of SQL databases along, so they are read here.
func Newest(ctx context.Context, client kubernetes.Interface, name, namespace, selector string) (*StoredRelease, error) {
	if selector != "" {
		selector = "," + selector
	}
	newest, stored, text := 0, "", []byte(nil)
	for options := (metav1.ListOptions{LabelSelector: "owner=helm,name=" + name + selector, Limit: page}); ; {
		secrets, err := client.CoreV1().Secrets(namespace).List(ctx, options)
		if err != nil {
			return nil, err
		}
		for _, secret := range secrets.Items {
			if revision, err := strconv.Atoi(secret.Labels["version"]); err == nil && revision > newest {
				newest, stored, text = revision, secret.Name, secret.Data["release"]
			}
		}
		if options.Continue = secrets.Continue; options.Continue == "" {
			break
		}
	}
	if text == nil {
		return nil, nil
	}
	release, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("release %s in namespace %s cannot be read: its Secret of revision %d: %w", name, namespace, newest, err)
	}
	release.Revision, release.Secret = newest, stored
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
		return nil, fmt.Errorf("release %s in namespace %s is %s at revision %d: Helm refuses every upgrade until that has ended or is taken back; `ckptctl doctor` says how", name, namespace, newest.Status, newest.Revision)
	}
	if release == nil {
		return nil, fmt.Errorf("there is no deployed release %s in namespace %s; `helm list --namespace %s` shows what is there", name, namespace, paste.Word(namespace))
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
		return nil, fmt.Errorf("unpacked it is larger than %d MiB, and no release is", maxRelease>>20)
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
	return &StoredRelease{Status: stored.Info.Status, Description: stored.Info.Description, Manifest: stored.Manifest}, nil
}
