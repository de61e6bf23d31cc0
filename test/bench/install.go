package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// firstByte is a pod that writes one byte through the claim and flushes it.
const firstByte = `
apiVersion: v1
kind: Pod
metadata: {name: first-byte}
spec:
  restartPolicy: Never
  nodeSelector: {kubernetes.io/hostname: %s}
  containers:
    - name: first-byte
      image: busybox:1.37.0
      command: [sh, -c, "echo > /checkpoints/byte && sync"]
      volumeMounts: [{name: checkpoints, mountPath: /checkpoints}]
  volumes: [{name: checkpoints, persistentVolumeClaim: {claimName: checkpoints}}]
`

const namespace = "bench"

// installing measures an install with Helm beside the same objects applied with kubectl, and beside
// a chart that has nothing to work out.
func (b *bench) installing() error {
	if err := b.fresh(); err != nil {
		return err
	}
	values := []string{"--namespace", namespace, "--set", "keep=false", "--set", "test.enabled=false"}
	objects, err := b.command("", "helm", append([]string{"template", "checkpoints", chart()}, values...)...)
	if err != nil {
		return err
	}
	// A chart of nothing but these objects shows how much of the time is Helm's own.
	bare, err := bareChart(objects)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(bare) }()
	ways := [][2][]string{
		{append([]string{"helm", "install", "checkpoints", chart()}, values...), {"helm", "uninstall", "checkpoints", "--namespace", namespace, "--wait"}},
		{{"helm", "install", "checkpoints", bare, "--namespace", namespace}, {"helm", "uninstall", "checkpoints", "--namespace", namespace, "--wait"}},
		{{"kubectl", "apply", "--namespace", namespace, "--filename", "-"}, {"kubectl", "delete", "--namespace", namespace, "--filename", "-"}},
	}
	bound, written := make([][]float64, len(ways)), make([][]float64, len(ways))
	for round := range b.rounds {
		for i := range ways {
			// Who goes first alternates too.
			who := (round + i) % len(ways)
			install, remove := ways[who][0], ways[who][1]
			toBound, toByte, err := b.install(func() error {
				_, err := b.command(objects, install[0], install[1:]...)
				return err
			})
			if err != nil {
				return err
			}
			bound[who] = append(bound[who], toBound)
			written[who] = append(written[who], toByte)
			if _, err = b.command(objects, remove[0], remove[1:]...); err != nil {
				return err
			}
		}
	}
	b.row("install until Bound, beside kubectl", "s", "≤ 1.15", bound[0], bound[2])
	b.row("Helm's own part in that: a chart of nothing but the objects, beside kubectl", "s", "the limit", bound[1], bound[2])
	b.row("install until the first byte, beside kubectl", "s", "≤ 1.15", written[0], written[2])
	_, err = b.command("", "kubectl", "delete", "namespace", namespace)
	return err
}

// bareChart writes a chart that renders these objects, whatever the values.
func bareChart(objects string) (string, error) {
	dir, err := os.MkdirTemp("", "bare-")
	if err != nil {
		return "", err
	}
	templates := filepath.Join(dir, "templates")
	return dir, errors.Join(
		os.Mkdir(templates, 0o700),
		os.WriteFile(filepath.Join(dir, "Chart.yaml"), []byte("{apiVersion: v2, name: bare, version: 0.1.0}\n"), 0o600),
		os.WriteFile(filepath.Join(templates, "objects.yaml"), []byte(objects), 0o600),
	)
}

// install makes the store and a pod on it, and returns the seconds until the claim is Bound and until its first byte.
func (b *bench) install(apply func() error) (bound, written float64, err error) {
	start := time.Now()
	if err := apply(); err != nil {
		return 0, 0, err
	}
	if _, err := b.kubectl("", "wait", "pvc/checkpoints", "--for=jsonpath={.status.phase}=Bound", "--timeout=60s"); err != nil {
		return 0, 0, err
	}
	bound = time.Since(start).Seconds()
	if _, err := b.kubectl(fmt.Sprintf(firstByte, b.cluster.Workers()[0]), "apply", "--filename", "-"); err != nil {
		return 0, 0, err
	}
	if _, err := b.kubectl("", "wait", "pod/first-byte", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s"); err != nil {
		return 0, 0, err
	}
	written = time.Since(start).Seconds()
	_, err = b.kubectl("", "delete", "pod", "first-byte", "--now")
	return bound, written, err
}

func (b *bench) kubectl(input string, args ...string) (string, error) {
	return b.command(input, "kubectl", append([]string{"--namespace", namespace}, args...)...)
}

// fresh recreates the namespace.
func (b *bench) fresh() error {
	if _, err := b.command("", "kubectl", "delete", "namespace", namespace, "--ignore-not-found"); err != nil {
		return err
	}
	volumes, err := b.command("", "kubectl", "get", "pv", "--output", "jsonpath={range .items[*]}{.metadata.name} {.spec.claimRef.namespace}{\"\\n\"}{end}")
	if err != nil {
		return err
	}
	for line := range strings.Lines(volumes) {
		if name, ns, _ := strings.Cut(strings.TrimSpace(line), " "); ns == namespace {
			if _, err := b.command("", "kubectl", "delete", "pv", name); err != nil {
				return err
			}
		}
	}
	_, err = b.command("", "kubectl", "create", "namespace", namespace)
	return err
}
