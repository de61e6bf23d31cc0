package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// writeFleet writes a base file of 4 KB and overlays as a platform team keeps them, all of them valid, and returns the
// base's name.
func writeFleet(dir string, overlays int) (base string, err error) {
	base = filepath.Join(dir, "base.yaml")
	if err := os.WriteFile(base, []byte(baseText()), 0o600); err != nil {
		return "", err
	}
	if err := os.Mkdir(filepath.Join(dir, "clusters"), 0o700); err != nil {
		return "", err
	}
	for i := range overlays {
		text := fmt.Sprintf(overlayText, i, i%250, i, 1+i%64, i)
		if err := os.WriteFile(filepath.Join(dir, "clusters", fmt.Sprintf("cluster-%05d.yaml", i)), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	return base, nil
}

const overlayText = `# Cluster %d: the share of its site.
nfs:
  server: 10.20.30.%d
  path: /export/checkpoints/cluster-%05d
size: %dTi
claim:
  labels:
    site: cluster-%05d
    tier: "1"
commonLabels:
  region: north
`

func baseText() string {
	var out strings.Builder
	out.WriteString(`# What all clusters share. A cluster's overlay names its server and its size.
backend: nfs
provisioning: static
size: 2Ti
accessModes: [ReadWriteMany]
volumeMode: Filesystem
mountOptions:
  - nfsvers=4.1
  - hard
  - noatime
  - nconnect=8
mountPath: /checkpoints
keep: true
nfs:
  server: 10.0.0.5
  path: /export/checkpoints
  readOnly: false
volume:
  reclaimPolicy: Retain
podSecurityContext:
  runAsNonRoot: true
  runAsUser: 1000
test:
  timeoutSeconds: 300
  resources:
    requests: {cpu: 10m, memory: 16Mi}
    limits: {memory: 64Mi}
  tolerations:
    - {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}
claim:
  labels:
    team: research
commonAnnotations:
`)
	for i := 0; out.Len() < 4096; i++ {
		fmt.Fprintf(&out, "  # Read by the platform's own tools.\n  platform.example.com/setting-%02d: \"value of setting %02d\"\n", i, i)
	}
	return out.String()
}
