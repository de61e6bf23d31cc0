// Command strict judges manifests on its standard input by the API types of the Kubernetes version that its go.mod requires.
// A field that the API does not have is an error. It has its own module so that a test can build it with the types of
// another version.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	rbac "k8s.io/api/rbac/v1"
	storage "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
)

func main() {
	if err := judge(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func judge(manifests io.Reader) error {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{core.AddToScheme, storage.AddToScheme, batch.AddToScheme, rbac.AddToScheme, networking.AddToScheme} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	var found []error
	documents := yaml.NewYAMLReader(bufio.NewReader(manifests))
	for count := 0; ; count++ {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) && count > 0 {
			fmt.Println(count - len(found))
			return errors.Join(found...)
		}
		if err != nil {
			return err
		}
		if _, _, err := decoder.Decode(document, nil, nil); err != nil {
			found = append(found, fmt.Errorf("%w in\n%s", err, document))
		}
	}
}
