package doctor

import (
	"slices"

	"checkpoint-storage/tools/ckptctl/internal/paste"
)

// twins returns the other volumes of the same driver and handle.
func (p *claimState) twins() []string {
	if p.volume == nil || p.volume.Spec.CSI == nil {
		return nil
	}
	var out []string
	for _, v := range p.Volumes {
		if v.Name != p.volume.Name && v.Spec.CSI != nil && v.Spec.CSI.Driver == p.volume.Spec.CSI.Driver && v.Spec.CSI.VolumeHandle == p.volume.Spec.CSI.VolumeHandle {
			out = append(out, v.Name)
		}
	}
	slices.Sort(out)
	return out
}

// duplicateHandleStuck diagnoses a pod with two volumes of the same handle, which the kubelet never mounts, without an event.
func duplicateHandleStuck(g podState) *Diagnosis {
	twins := g.twins()
	if len(twins) == 0 || g.started() {
		return nil
	}
	for _, v := range g.pod.Spec.Volumes {
		if v.PersistentVolumeClaim == nil || v.PersistentVolumeClaim.ClaimName == g.name {
			continue
		}
		if other := g.Snapshot.claim(v.PersistentVolumeClaim.ClaimName); other != nil && slices.Contains(twins, other.Spec.VolumeName) {
			d := g.found("the pod uses volumes %s, which have the same handle %q: the kubelet treats them as one volume, and may wait forever for the other.",
				both(g.volume.Name, other.Spec.VolumeName), g.volume.Spec.CSI.VolumeHandle)
			return d.repair(paste.Comment("mount only one of the two claims in the pod; for two directories of one storage use two subPath mounts of one claim, or two handles"),
				whose(g.volume.Name, other.Spec.VolumeName))
		}
	}
	return nil
}

// both joins two volume names in alphabetical order, so that either side gives the same text.
func both(a, b string) string {
	if b < a {
		a, b = b, a
	}
	return a + " and " + b
}

// duplicateHandle warns of volumes with the same handle before a pod uses both.
func duplicateHandle(p *claimState) *Diagnosis {
	twins := p.twins()
	if len(twins) == 0 {
		return nil
	}
	d := p.found("volume %s has the same handle %q as %s: a pod that uses both may never start, and a driver may confuse one with the other.", p.volume.Name, p.volume.Spec.CSI.VolumeHandle, few(twins))
	return d.repair(paste.Comment("where the handle is free text, give each volume its own (volumeHandle in the backend's section); their claims:"),
		whose(append([]string{p.volume.Name}, twins...)...))
}

// whose returns the command that shows the handles and the claims of volumes.
func whose(volumes ...string) paste.Line {
	return paste.Command("kubectl get pv %s -o custom-columns=NAME:.metadata.name,HANDLE:.spec.csi.volumeHandle,NAMESPACE:.spec.claimRef.namespace,CLAIM:.spec.claimRef.name", paste.Words(volumes))
}
