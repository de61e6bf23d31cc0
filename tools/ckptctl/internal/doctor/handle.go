package doctor

import (
	"slices"

	"checkpoint-storage/tools/ckptctl/internal/paste"
)

// twins are the other volumes of the same driver and handle.
func (p *patient) twins() []string {
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

// duplicateHandleStuck is the pod that waits, without any event, for two volumes which the kubelet takes for one.
func duplicateHandleStuck(g guest) *Diagnosis {
	twins := g.twins()
	if len(twins) == 0 || g.started() {
		return nil
	}
	for _, v := range g.pod.Spec.Volumes {
		if v.PersistentVolumeClaim == nil || v.PersistentVolumeClaim.ClaimName == g.name {
			continue
		}
		if other := g.Snapshot.claim(v.PersistentVolumeClaim.ClaimName); other != nil && slices.Contains(twins, other.Spec.VolumeName) {
			d := g.found("the pod uses volumes %s, which have the same handle %q: the kubelet takes them for one volume, mounts it once, and waits for the other for ever.",
				both(g.volume.Name, other.Spec.VolumeName), g.volume.Spec.CSI.VolumeHandle)
			return d.repair(paste.Comment("have the pod mount one of the two claims; two directories of one storage are two subPath mounts of one claim, or two handles"),
				whose(g.volume.Name, other.Spec.VolumeName))
		}
	}
	return nil
}

// both names two volumes, in the same order whichever of them is looked at.
func both(a, b string) string {
	if b < a {
		a, b = b, a
	}
	return a + " and " + b
}

// duplicateHandle warns of it before a pod meets it.
func duplicateHandle(p *patient) *Diagnosis {
	twins := p.twins()
	if len(twins) == 0 {
		return nil
	}
	d := p.found("volume %s has the same handle %q as %s: a pod that uses both never starts, and a driver may take what it does to one for the other.", p.volume.Name, p.volume.Spec.CSI.VolumeHandle, few(twins))
	return d.repair(paste.Comment("where the handle is free text, give each volume its own (volumeHandle in the backend's section); whose they are:"),
		whose(append([]string{p.volume.Name}, twins...)...))
}

// whose is the command that shows the handles of volumes, and whose they are.
func whose(volumes ...string) paste.Line {
	return paste.Command("kubectl get pv %s -o custom-columns=NAME:.metadata.name,HANDLE:.spec.csi.volumeHandle,NAMESPACE:.spec.claimRef.namespace,CLAIM:.spec.claimRef.name", paste.Words(volumes))
}
