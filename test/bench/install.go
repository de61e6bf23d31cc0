package main

import (
	"fmt"
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

// installing measures an install with Helm beside the same objects applied with kubectl.
func (b *bench) installing() error {
	if err := b.fresh(); err != nil {
		return err
	}
	values := []string{"--namespace", namespace, "--set", "keep=false", "--set", "test.enabled=false"}
	objects, err := b.command("", "helm", append([]string{"template", "checkpoints", chart()}, values...)...)
	if err != nil {
		return err
	}
	withHelm := func() error {
		_, err := b.command("", "helm", append([]string{"install", "checkpoints", chart()}, values...)...)
		return err
	}
	withKubectl := func() error {
		_, err := b.command(objects, "kubectl", "apply", "--namespace", namespace, "--filename", "-")
		return err
	}
	var bound, written [2][]float64
	for round := range b.rounds {
		for i := range 2 {
			// Who goes first alternates too.
			who := (round + i) % 2
			toBound, toByte, err := b.install([]func() error{withHelm, withKubectl}[who])
			if err != nil {
				return err
			}
			bound[who] = append(bound[who], toBound)
			written[who] = append(written[who], toByte)
			if who == 0 {
				_, err = b.command("", "helm", "uninstall", "checkpoints", "--namespace", namespace, "--wait")
			} else {
				_, err = b.command(objects, "kubectl", "delete", "--namespace", namespace, "--filename", "-")
			}
			if err != nil {
				return err
			}
		}
	}
	b.row("install until Bound, beside kubectl", "s", "≤ 1.15", bound[0], bound[1])
	b.row("install until the first byte, beside kubectl", "s", "≤ 1.15", written[0], written[1])
	_, err = b.command("", "kubectl", "delete", "namespace", namespace)
	return err
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

// fresh makes the namespace anew.
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
