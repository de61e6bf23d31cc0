package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	embedded "checkpoint-storage/charts/checkpoint-storage"
	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/internal/adopt"
	"checkpoint-storage/tools/ckptctl/internal/live"
	"checkpoint-storage/tools/ckptctl/internal/paste"
	"checkpoint-storage/tools/ckptctl/internal/plain"

	"github.com/spf13/cobra"
)

func adoptCommand() *cobra.Command {
	var cluster live.Connection
	var files []string
	var claim, namespace, release string
	command := &cobra.Command{
		Use:   "adopt -f FILE... | --claim NAME -n NAMESPACE",
		Short: "Write the values that render a volume and claim which are there already",
		Long: `Read PersistentVolumes, claims and classes from manifests, or a claim and its volume from a cluster, and write the values
with which the chart renders them again, to standard output. What differs is written to standard error, and so are the commands
that hand the objects to Helm; nothing is changed.

The backend is recognized by the volume's source or driver, and its handle is taken apart into the keys of the section. Where the
storage's own backend does not render every field, the backend csi does. A volume that a provisioner made stays the
provisioner's: the values then are those of its claim.

Exit code 0: the values render every field; what differs is harmless, and said. 1: a field would be lost, or the chart refuses
the values; both are said. 2: an input cannot be read, or holds no store or several.`,
		Example: `  ckptctl adopt -f pv.yaml -f pvc.yaml > values.yaml
  kubectl get pv checkpoints-vol -o yaml | ckptctl adopt -f -
  ckptctl adopt --claim checkpoints-pvc -n training > values.yaml`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			store, err := theStore(command, cluster, files, claim, namespace)
			if err != nil {
				return err
			}
			backends, err := catalog.Load(embedded.FS)
			if err != nil {
				return err
			}
			render, defaults, err := adopt.OfChart(embedded.FS)
			if err != nil {
				return err
			}
			chart := adopt.Chart{Backends: backends, Defaults: defaults, Render: render}
			adoption, err := chart.Adopt(store, release, namespace)
			if refused := (adopt.Refusal{}); errors.As(err, &refused) {
				fmt.Fprintf(command.ErrOrStderr(), "refused: %s\n", plain.Line(refused.Error()))
				return errFound
			}
			if err != nil {
				return err
			}
			text, err := adoption.YAML()
			if err != nil {
				return err
			}
			if _, err := command.OutOrStdout().Write(text); err != nil {
				return err
			}
			return explainAdoption(command.ErrOrStderr(), adoption, release, cluster.Named())
		},
	}
	flags := command.Flags()
	flags.StringArrayVarP(&files, "filename", "f", nil, "manifest `file`; may be given several times, and - is the standard input")
	flags.StringVar(&claim, "claim", "", "`name` of a claim: on the cluster, or which of several in the files")
	flags.StringVarP(&namespace, "namespace", "n", fromHelm("HELM_NAMESPACE", "default"), "`namespace` of the claim where no manifest says it")
	flags.StringVar(&release, "release", "checkpoints", "`name` of the release that is to have the objects")
	clusterFlags(flags, &cluster)
	return command
}

// theStore reads the one store that is to be adopted.
func theStore(command *cobra.Command, cluster live.Connection, files []string, claim, namespace string) (adopt.Store, error) {
	if len(files) == 0 && claim == "" {
		return adopt.Store{}, errors.New("name manifests with -f, or a claim of the cluster with --claim and -n")
	}
	if len(files) == 0 {
		client, err := cluster.Client()
		if err != nil {
			return adopt.Store{}, err
		}
		ctx, cancel := cluster.Within(command.Context())
		defer cancel()
		store, err := adopt.Read(ctx, client, namespace, claim)
		return store, cluster.Explain(err)
	}
	var objects []adopt.Object
	for _, name := range files {
		read, err := manifests(name, command.InOrStdin())
		if err != nil {
			return adopt.Store{}, err
		}
		objects = append(objects, read...)
	}
	stores := adopt.Stores(objects)
	var names []string
	for _, s := range stores {
		names = append(names, s.Name())
	}
	if claim != "" {
		stores = slices.DeleteFunc(stores, func(s adopt.Store) bool { return s.Name() != claim })
	}
	switch {
	case len(names) == 0:
		return adopt.Store{}, fmt.Errorf("%s: there is no PersistentVolume, PersistentVolumeClaim or StorageClass in it", strings.Join(files, ", "))
	case len(stores) == 0:
		return adopt.Store{}, fmt.Errorf("%s: there is no store %s, but %s", strings.Join(files, ", "), claim, strings.Join(names, ", "))
	case len(stores) > 1:
		return adopt.Store{}, fmt.Errorf("%s: a release is one store, and there are %d: %s; name one with --claim", strings.Join(files, ", "), len(stores), strings.Join(names, ", "))
	}
	return stores[0], nil
}

func manifests(name string, stdin io.Reader) ([]adopt.Object, error) {
	if name == "-" {
		return adopt.Parse("standard input", stdin)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return adopt.Parse(name, file)
}

// explainAdoption says what differs, and how the objects come to the release.
func explainAdoption(w io.Writer, a adopt.Adoption, release string, to paste.Cluster) error {
	line := func(about, text string) {
		if text != "" {
			fmt.Fprintf(w, "%s: %s\n", about, plain.Line(text))
		}
	}
	line("note", a.Instead)
	line("note", a.HandedOver)
	line("note", a.Assumed)
	line("note", a.Binding)
	for _, d := range a.Harmless() {
		line("differs", d)
	}
	for _, d := range a.Lost() {
		line("lost", d.String())
	}
	if a.Refused != nil {
		line("refused", a.Refusal())
	}
	if !a.Whole() {
		return errFound
	}
	fmt.Fprintln(w, "\nWith the values in values.yaml, this hands the objects to Helm, and changes nothing else of them:")
	for _, command := range paste.Via(HandOver(release, a.Namespace), to) {
		fmt.Fprintf(w, "  %s\n", command)
	}
	fmt.Fprintln(w, "This takes them out of Helm again, and leaves them as they are:")
	for _, command := range paste.Via(HandBack(release, a.Namespace), to) {
		fmt.Fprintf(w, "  %s\n", command)
	}
	return nil
}

// HandOver are the commands by which a release takes the objects over, with Helm 3 and with Helm 4.
func HandOver(release, namespace string) []paste.Line {
	return []paste.Line{paste.Command("helm install %s ./charts/checkpoint-storage --namespace %s --values values.yaml --take-ownership", release, namespace)}
}

// HandBack are the commands by which a release gives the objects up.
func HandBack(release, namespace string) []paste.Line {
	return []paste.Line{paste.Command("helm uninstall %s --namespace %s", release, namespace)}
}
