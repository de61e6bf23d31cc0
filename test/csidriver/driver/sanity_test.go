package driver

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/kubernetes-csi/csi-test/v5/pkg/sanity"
	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
)

// played names the variable that says which driver the process plays, in a new mount namespace.
const played = "CSI_SANITY_DRIVER"

// players are the drivers that are held to the specification, by what they can do. What csi-sanity asks of volumes that are
// attached, listed or modified is not for them: the sidecar attaches without a call, and the controller offers no more.
var players = map[string]Driver{
	"plain":  {Name: "plain.example.com", FSGroup: "ReadWriteOnceWithFSType"},
	"copies": {Name: "copies.example.com", FSGroup: "File", Copies: true},
	"grows":  {Name: "grows.example.com", FSGroup: "None", Grows: true},
}

// TestSanity holds the driver to the CSI specification, as csi-sanity reads it. What it mounts is gone with the process that
// plays the driver.
func TestSanity(t *testing.T) {
	if name := os.Getenv(played); name != "" {
		hold(t, players[name])
		return
	}
	for name := range players {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Sockets have short paths.
			root, err := os.MkdirTemp("", "csi")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(root) })
			command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSanity$")
			command.Env, command.Dir = append(os.Environ(), played+"="+name), root
			command.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
				UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
			}
			if out, err := command.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}

func hold(t *testing.T, d Driver) {
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	places := Places{Kubelet: filepath.Join(root, "k"), Local: filepath.Join(root, "local"), Shared: filepath.Join(root, "shared")}
	if err := os.MkdirAll(filepath.Join(places.Kubelet, "plugins_registry"), 0o750); err != nil {
		t.Fatal(err)
	}
	controller := filepath.Join(root, "controller.sock")
	if err := ServeController(t.Context(), d, controller, places); err != nil {
		t.Fatal(err)
	}
	go func() {
		if err := ServeNode(t.Context(), []Driver{d}, "node-1", places); err != nil {
			t.Error(err)
		}
	}()
	config := sanity.NewTestConfig()
	config.Address = filepath.Join(places.Kubelet, "plugins", "csi-test-"+short(d.Name), "csi.sock")
	config.ControllerAddress = controller
	config.TargetPath, config.StagingPath = filepath.Join(root, "target"), filepath.Join(root, "staging")
	for range 500 {
		if _, err := os.Stat(config.Address); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	context := sanity.GinkgoTest(&config)
	defer context.Finalize()
	gomega.RegisterFailHandler(ginkgo.Fail)
	suite, reporter := ginkgo.GinkgoConfiguration()
	reporter.Succinct = true
	ginkgo.RunSpecs(t, d.Name, suite, reporter)
}
