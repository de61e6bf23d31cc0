package install

import (
	"fmt"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What two pods do with a claim. $at is where it is mounted, $name is the case's own: one volume may serve several.
const (
	// Under load a container may be started twice.
	saveOnce = `
rm -rf "$at/$name" "$at/$name.part"
mkdir "$at/$name.part"
head -c 262144 /dev/urandom > "$at/$name.part/shard"
(cd "$at/$name.part" && sha256sum shard > SHA256SUMS)
sync
mv "$at/$name.part" "$at/$name"
grep " $at " /proc/mounts
`
	loadOnce = `
until [ -d "$at/$name" ]; do sleep 0.2; done
cd "$at/$name"
sha256sum -c SHA256SUMS
`
	// A volume for readers holds what the driver has put there, and nothing else can be put there.
	readOnly = `
test -s "$at/seed" && ! touch "$at/$name" 2>&1
`
	saveOnceToDevice = `
test -b "$at"
yes "$name" | head -c 262144 | dd of="$at" bs=64k iflag=fullblock conv=fsync 2>/dev/null
`
	loadOnceFromDevice = `
want=$(yes "$name" | head -c 262144 | sha256sum)
until [ "$(dd if="$at" bs=64k count=4 2>/dev/null | sha256sum)" = "$want" ]; do sleep 0.2; done
`
	readDevice = `
test -b "$at"
dd if="$at" of=/dev/null bs=64k count=4 2>/dev/null
`
)

// csiPods are a writer and a reader, on two nodes, where the mode is for many; otherwise they are one pod.
func (s *store) csiPods(c csiCase) []*corev1.Pod {
	s.t.Helper()
	scripts := []string{saveOnce, loadOnce}
	switch {
	case c.volumeMode == "Block" && c.mode == "ReadOnlyMany":
		scripts = []string{readDevice, readDevice}
	case c.volumeMode == "Block":
		scripts = []string{saveOnceToDevice, loadOnceFromDevice}
	case c.mode == "ReadOnlyMany":
		scripts = []string{readOnly, readOnly}
	}
	template := s.pod("", "")
	if name := template.Spec.ServiceAccountName; name != "" {
		_, err := s.client.CoreV1().ServiceAccounts(s.ns).Create(s.t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		require.True(s.t, err == nil || apierrors.IsAlreadyExists(err), err)
	}
	container := template.Spec.Containers[0]
	at := ""
	for _, mount := range container.VolumeMounts {
		at = mount.MountPath
	}
	for _, device := range container.VolumeDevices {
		at = device.DevicePath
	}
	if !c.many() {
		scripts = []string{scripts[0] + scripts[1]}
	}
	var out []*corev1.Pod
	for i, script := range scripts {
		pod := template.DeepCopy()
		pod.Name = []string{"writer", "reader"}[i]
		pod.Spec.Containers[0].Command = []string{"sh", "-c", fmt.Sprintf("at=%q name=%q\n%s", at, c.name(), script)}
		pod.Spec.Containers[0].Args = nil
		pod.Spec.NodeSelector = onNode(s.cluster.Workers()[i])
		out = append(out, pod)
	}
	return out
}

// run runs the pods to their end, at the same time, and returns what they printed.
func (s *store) run(pods []*corev1.Pod) string {
	s.t.Helper()
	said := ""
	for _, pod := range pods {
		s.launch(pod)
	}
	for _, pod := range pods {
		said += s.succeeded(pod.Name)
	}
	return said
}
