package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// holder is a pod that keeps a claim mounted.
const holder = `
apiVersion: v1
kind: Pod
metadata: {name: holder}
spec:
  restartPolicy: Never
  containers:
    - name: holder
      image: busybox:1.37.0
      command: [sh, -c, "sleep 3600"]
      volumeMounts: [{name: checkpoints, mountPath: /checkpoints}]
  volumes: [{name: checkpoints, persistentVolumeClaim: {claimName: checkpoints}}]
`

// throughput measures writing and reading through a claim beside the node's own directory.
func (b *bench) throughput() error {
	node := b.cluster.Workers()[0]
	if _, err := b.cluster.Exec(b.ctx, node, "command -v fio || { apt-get update && apt-get install -y --no-install-recommends fio; } >/dev/null"); err != nil {
		return err
	}
	for _, backend := range []string{"hostPath", "local"} {
		if err := b.fresh(); err != nil {
			return err
		}
		if _, err := b.cluster.Exec(b.ctx, node, "rm -rf /mnt/bench; mkdir -p /mnt/bench/claim /mnt/bench/own"); err != nil {
			return err
		}
		if _, err := b.command("", "helm", "install", "checkpoints", chart(), "--namespace", namespace, "--wait", "--timeout", "60s",
			"--set", "backend="+backend, "--set", backend+".path=/mnt/bench/claim", "--set", "keep=false", "--set-json",
			`volume.nodeAffinity={"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"kubernetes.io/hostname","operator":"In","values":["`+node+`"]}]}]}}`); err != nil {
			return err
		}
		if _, err := b.kubectl(holder, "apply", "--filename", "-"); err != nil {
			return err
		}
		if _, err := b.kubectl("", "wait", "pod/holder", "--for=condition=Ready", "--timeout=60s"); err != nil {
			return err
		}
		claim, err := b.claimOf(node)
		if err != nil {
			return err
		}
		if err := b.compare(backend, node, claim, "/mnt/bench/own"); err != nil {
			return err
		}
	}
	_, err := b.command("", "kubectl", "delete", "namespace", namespace)
	return err
}

// claimOf is the claim as the pod sees it, by a path that leads through the pod's own mounts.
func (b *bench) claimOf(node string) (string, error) {
	id, err := b.cluster.Exec(b.ctx, node, "crictl ps --name '^holder$' --quiet")
	if err != nil {
		return "", err
	}
	pid, err := b.cluster.Exec(b.ctx, node, "crictl inspect --output go-template --template '{{.info.pid}}' "+strings.Fields(id)[0])
	if err != nil {
		return "", err
	}
	return "/proc/" + pid + "/root/checkpoints", nil
}

// turns are whose turn it is in a round: each goes as often after itself as after the other, for a disk that has just been
// written to is slower for a while, whoever comes next.
var turns = [8]int{0, 1, 1, 0, 1, 0, 0, 1}

// compare measures both places in turn.
func (b *bench) compare(backend, node, claim, own string) error {
	figures := map[string][2][]float64{}
	for round := range b.rounds {
		for _, mode := range []string{"write", "read"} {
			var sums [2]float64
			for _, turn := range turns {
				who := (round + turn) % 2
				speed, err := b.fio(node, []string{claim, own}[who], mode)
				if err != nil {
					return err
				}
				sums[who] += speed / (float64(len(turns)) / 2)
			}
			pair := figures[mode]
			pair[0], pair[1] = append(pair[0], sums[0]), append(pair[1], sums[1])
			figures[mode] = pair
		}
	}
	for _, mode := range []string{"write", "read"} {
		b.row(fmt.Sprintf("%s through a %s claim, beside the directory", mode, backend), "GB/s", "≥ 0.97", figures[mode][0], figures[mode][1])
	}
	return nil
}

// fio returns GB/s: 8 jobs, 128 MiB each, fsync at the end of a write, nothing from the page cache for a read.
func (b *bench) fio(node, folder, mode string) (float64, error) {
	out, err := b.cluster.Exec(b.ctx, node, fmt.Sprintf(
		"sync; fio --name=shard --directory=%s --rw=%s --bs=1M --size=128M --numjobs=8 --end_fsync=1 --group_reporting --output-format=json", folder, mode))
	if err != nil {
		return 0, err
	}
	var report struct {
		Jobs []map[string]json.RawMessage
	}
	// fio may say something before its report.
	if err := json.Unmarshal([]byte(out[max(0, strings.Index(out, "{")):]), &report); err != nil || len(report.Jobs) == 0 {
		return 0, fmt.Errorf("fio on %s printed no report: %w: %s", node, err, out)
	}
	var figures struct {
		BytesPerSecond float64 `json:"bw_bytes"`
	}
	if err := json.Unmarshal(report.Jobs[0][mode], &figures); err != nil {
		return 0, err
	}
	return figures.BytesPerSecond / 1e9, nil
}
