package doctor

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// Change is one repair that cannot lose data: it changes which claim a volume is for, or makes an object anew that says
// where data is, and never takes one away.
type Change struct {
	// Command does the same by hand.
	Command string
	apply   func(context.Context, kubernetes.Interface) error
}

// change adds changes to a diagnosis, as its repair and for --fix.
func (d *Diagnosis) change(changes ...Change) *Diagnosis {
	d.fix = append(d.fix, changes...)
	return d.repair(commands(changes)...)
}

// Fix applies what is safe of the diagnoses, in their order, and tells of each change before it is made.
func Fix(ctx context.Context, client kubernetes.Interface, diagnoses []Diagnosis, tell func(Diagnosis, Change)) error {
	for _, d := range diagnoses {
		for _, c := range d.fix {
			tell(d, c)
			if err := c.apply(ctx, client); err != nil {
				return fmt.Errorf("%s: %s: %w; nothing that was there has been taken away", d.Object, c.Command, err)
			}
		}
	}
	return nil
}

// operation is one of a JSON patch.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// patchVolume changes the volume, if it is still what was looked at: the tests are no part of the command.
func (p *patient) patchVolume(tests []operation, changes ...operation) Change {
	name := p.volume.Name
	shown, _ := json.Marshal(changes)
	sent, _ := json.Marshal(append(tests, changes...))
	return Change{
		Command: fmt.Sprintf("kubectl patch pv %s --type=json -p '%s'", name, shown),
		apply: func(ctx context.Context, client kubernetes.Interface) error {
			_, err := client.CoreV1().PersistentVolumes().Patch(ctx, name, types.JSONPatchType, sent, metav1.PatchOptions{})
			return err
		},
	}
}

// unclaim has the volume forget the uid of a claim that is gone: it then waits for a claim of that name.
func (p *patient) unclaim() Change {
	ref := p.volume.Spec.ClaimRef
	tests := []operation{
		{Op: "test", Path: "/spec/claimRef/name", Value: p.name}, {Op: "test", Path: "/spec/claimRef/namespace", Value: p.Namespace},
	}
	if ref.UID != "" {
		tests = append(tests, operation{Op: "test", Path: "/spec/claimRef/uid", Value: string(ref.UID)})
	}
	var changes []operation
	if ref.UID != "" {
		changes = append(changes, operation{Op: "remove", Path: "/spec/claimRef/uid"})
	}
	if ref.ResourceVersion != "" {
		changes = append(changes, operation{Op: "remove", Path: "/spec/claimRef/resourceVersion"})
	}
	return p.patchVolume(tests, changes...)
}

// claimAs has the volume be for the claim that is there.
func (p *patient) claimAs(uid types.UID) Change {
	tests := []operation{
		{Op: "test", Path: "/spec/claimRef/name", Value: p.name}, {Op: "test", Path: "/spec/claimRef/namespace", Value: p.Namespace},
	}
	return p.patchVolume(tests, operation{Op: "add", Path: "/spec/claimRef/uid", Value: string(uid)})
}

func (p *patient) retain() Change {
	return p.patchVolume(nil, operation{Op: "replace", Path: "/spec/persistentVolumeReclaimPolicy", Value: corev1.PersistentVolumeReclaimRetain})
}

// makeClaim makes the claim as the release has it.
func (p *patient) makeClaim() Change {
	claim := p.want.DeepCopy()
	p.helms(&claim.ObjectMeta)
	return Change{Command: p.reapply(), apply: func(ctx context.Context, client kubernetes.Interface) error {
		_, err := client.CoreV1().PersistentVolumeClaims(claim.Namespace).Create(ctx, claim, metav1.CreateOptions{})
		return there(err)
	}}
}

// makeVolume makes the volume as the release has it: it says where data is, and the data itself is not touched. With a
// uid, it is for the claim that has lost it.
func (p *patient) makeVolume(uid types.UID) Change {
	volume := p.wantVolume.DeepCopy()
	p.helms(&volume.ObjectMeta)
	volume.Spec.ClaimRef.UID = uid
	command := p.reapply()
	if uid != "" {
		command += fmt.Sprintf(` && kubectl patch pv %s --type=merge -p '{"spec":{"claimRef":{"uid":"%s"}}}'`, volume.Name, uid)
	}
	return Change{Command: command, apply: func(ctx context.Context, client kubernetes.Interface) error {
		_, err := client.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{})
		return there(err)
	}}
}

// reapply is the command that makes what is missing of the release, and needs no chart.
func (p *patient) reapply() string {
	return fmt.Sprintf("helm -n %s get manifest %s | kubectl -n %s apply -f -", p.Namespace, p.Release, p.Namespace)
}

// helms marks an object as the release's own, as Helm does: it would not take it back otherwise.
func (p *patient) helms(meta *metav1.ObjectMeta) {
	if meta.Annotations == nil {
		meta.Annotations = map[string]string{}
	}
	meta.Annotations["meta.helm.sh/release-name"] = p.Release
	meta.Annotations["meta.helm.sh/release-namespace"] = p.Namespace
}

// there takes it for well done when somebody else was faster.
func there(err error) error {
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
