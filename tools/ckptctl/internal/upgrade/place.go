package upgrade

import (
	"fmt"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/identity"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// elsewhere reports whether two claims use different storage, and the difference. A provisioned volume is always different.
func (c *comparison) elsewhere(old, fresh unstructured.Unstructured) (placement, string) {
	if volumeName(old) == "" || volumeName(fresh) == "" {
		return other, ""
	}
	before, known := c.from[volumeKind][Key{Name: volumeName(old)}]
	after, made := c.to[volumeKind][Key{Name: volumeName(fresh)}]
	switch {
	case known && made:
		return c.places(before, after)
	case volumeName(old) != volumeName(fresh):
		// Only the name is known of a volume that this release does not create.
		return other, ""
	}
	return same, ""
}

// Place is what values say of a volume's storage.
type Place struct {
	identity.Storage
	// FreeHandle says that the volume's handle is any text, and its attributes lead to the data.
	FreeHandle bool
	// Options are those of the mount options that lead to it.
	Options []string
}

// placement is where one volume's data is, seen from another.
type placement int

const (
	// same: the same data. alike: the same address, by other attributes of the driver. other: other storage.
	same placement = iota
	alike
	other
)

// places returns where the data of a new volume is, and what differs. Two volumes have the same data where the source is the
// same, apart from mount settings and from a handle that leads nowhere, and a directory of a node on the same nodes. What the
// values say of the storage goes first: a source may name it by a secret.
func (c *comparison) places(before, after unstructured.Unstructured) (placement, string) {
	old, err := volumeOf(before)
	fresh, wrong := volumeOf(after)
	if err != nil || wrong != nil {
		return other, ""
	}
	was, known := c.Was[old.Name]
	is, said := c.Is[fresh.Name]
	known = known && said
	one := !known || was.To(is.Storage) == identity.Same
	equal := sameSource(place(old), place(fresh)) || is.FreeHandle && sameSource(unhandled(old), unhandled(fresh)) ||
		said && sameSource(renamed(old, fresh.Name), place(fresh))
	if is, was, said := c.mounted(fresh, old); said && equal {
		one = was.To(is.Storage) == identity.Same
	}
	if bound := old.Spec.HostPath != nil || old.Spec.Local != nil; bound && !known && !renewed.DeepEqual(fresh.Spec.NodeAffinity, old.Spec.NodeAffinity) {
		one = false
	}
	switch {
	case one && equal:
		return same, ""
	case one && known:
		return alike, ""
	case equal:
		return other, ": the new volume is other storage"
	}
	return other, fmt.Sprintf(": the new volume is other storage, %s instead of %s", show(place(fresh)), show(place(old)))
}

// mounted returns what a volume leads to before and after the upgrade of a live release, whose values are unknown: both as the
// new values have it, with what each is mounted with. It holds for volumes of the same source.
func (c *comparison) mounted(fresh, old corev1.PersistentVolume) (is, was Place, ok bool) {
	if c.Mounted == nil {
		return is, was, false
	}
	is, made := c.Mounted(fresh.Name, fresh.Spec.MountOptions)
	was, known := c.Mounted(fresh.Name, old.Spec.MountOptions)
	return is, was, made && known
}

// moved adds a volume of the same source that leads to other storage, because a mount option names the directory: the API
// server takes that.
func (c *comparison) moved(key Key, old, fresh unstructured.Unstructured) {
	before, err := volumeOf(old)
	after, wrong := volumeOf(fresh)
	if err != nil || wrong != nil || slices.Equal(before.Spec.MountOptions, after.Spec.MountOptions) ||
		!sameSource(before.Spec.PersistentVolumeSource, after.Spec.PersistentVolumeSource) {
		return
	}
	is, was, ok := c.mounted(after, before)
	if c.Was != nil {
		was, ok = c.Was[key.Name]
		is = c.Is[key.Name]
	}
	if !ok || was.To(is.Storage) == identity.Same {
		return
	}
	c.add("E10", "error", "moved", []string{"{backend}", "mountOptions", "shardOverrides"}, key,
		fmt.Sprintf("volume %s leads to other storage at the next mount, by the mount options %s instead of %s: its checkpoints stay behind.",
			key.Name, show(without(is.Options, was.Options)), show(without(was.Options, is.Options))), recipe{how: copyFirst})
}

// directory adds the claims that stay while pods save to another directory of them, where they find no checkpoint.
func (c *comparison) directory() {
	was := c.wasBelow()
	if was == nil || *was == c.Below {
		return
	}
	next := append(published(c.to), c.to.keys(claimKind)...)
	for _, key := range append(published(c.from), c.from.keys(claimKind)...) {
		if slices.Contains(next, key) {
			c.add("E10", "error", "directory", []string{"prepare.directory", "prepare.enabled"}, key,
				fmt.Sprintf("pods save to %s of claim %s from now on, and look there for checkpoints: those in %s stay behind.", within(c.Below), key.Name, within(*was)), recipe{how: copyFirst})
		}
	}
}

// wasBelow returns the directory of the claim that pods save to now. Of a live release its ConfigMap says it, if the claim is
// mounted where the new values have it.
func (c *comparison) wasBelow() *string {
	if c.WasBelow != nil {
		return c.WasBelow
	}
	for key, fresh := range c.to[configMapKind] {
		old, known := c.from[configMapKind][key]
		if !known {
			continue
		}
		was, _ := get(old, "data.CHECKPOINT_DIR").(string)
		is, _ := get(fresh, "data.CHECKPOINT_DIR").(string)
		mount := strings.TrimSuffix(is, c.Below)
		if below, mounted := strings.CutPrefix(strings.TrimSuffix(was, "/")+"/", strings.TrimSuffix(mount, "/")+"/"); mounted {
			below = strings.TrimSuffix(below, "/")
			return &below
		}
	}
	return nil
}

// within names a directory of a claim.
func within(directory string) string {
	if directory == "" {
		return "the root"
	}
	return "directory " + directory
}

// without returns the texts that are not among the others.
func without(texts, others []string) []string {
	return slices.DeleteFunc(append([]string{}, texts...), func(text string) bool { return slices.Contains(others, text) })
}

// unhandled returns a volume's source without its handle.
func unhandled(v corev1.PersistentVolume) corev1.PersistentVolumeSource {
	s := *v.Spec.PersistentVolumeSource.DeepCopy()
	if s.CSI != nil && len(s.CSI.VolumeAttributes) > 0 {
		s.CSI.VolumeHandle = ""
	}
	return s
}

// renamed returns a volume's source as it would be under another name, which some handles have in them.
func renamed(v corev1.PersistentVolume, name string) corev1.PersistentVolumeSource {
	s := place(v)
	if s.CSI != nil && v.Name != "" {
		s.CSI.VolumeHandle = strings.ReplaceAll(s.CSI.VolumeHandle, v.Name, name)
	}
	return s
}

// place returns a volume's source without the fields that only affect mounting.
func place(v corev1.PersistentVolume) corev1.PersistentVolumeSource {
	s := *v.Spec.PersistentVolumeSource.DeepCopy()
	if s.HostPath != nil {
		s.HostPath.Type = nil
	}
	if s.Local != nil {
		s.Local.FSType = nil
	}
	if s.NFS != nil {
		s.NFS.ReadOnly = false
	}
	if s.ISCSI != nil {
		s.ISCSI.ReadOnly, s.ISCSI.FSType, s.ISCSI.SecretRef, s.ISCSI.InitiatorName = false, "", nil, nil
		s.ISCSI.DiscoveryCHAPAuth, s.ISCSI.SessionCHAPAuth = false, false
	}
	if s.FC != nil {
		s.FC.ReadOnly, s.FC.FSType = false, ""
	}
	if s.CSI != nil {
		s.CSI.ReadOnly, s.CSI.FSType = false, ""
		s.CSI.ControllerPublishSecretRef, s.CSI.NodeStageSecretRef, s.CSI.NodePublishSecretRef = nil, nil, nil
		s.CSI.ControllerExpandSecretRef, s.CSI.NodeExpandSecretRef = nil, nil
	}
	return s
}
