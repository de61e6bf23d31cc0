package doctor

import (
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/paste"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"checkpoint-storage/tools/ckptctl/internal/schema"
)

// dynamic says that the claim waits for a provisioner.
func (p *patient) dynamic() bool { return p.pending() && p.volumeName() == "" }

// noDefaultClass is the claim that leaves its class to the cluster, which has none to give.
func noDefaultClass(p *patient) *Diagnosis {
	if !p.dynamic() || p.claim.Spec.StorageClassName != nil || !p.knows("storageclasses") || len(p.defaultClasses()) > 0 {
		return nil
	}
	d := p.found("the claim names no storage class, and the cluster has no default one.").saw(p.events(p.claim.UID, "FailedBinding"))
	classes := p.classNames()
	if len(classes) == 0 {
		return d.repair(paste.Comment("there is no class for everybody: install a storage driver, or use static provisioning; those that releases made for themselves:"), paste.Command("kubectl get pv,storageclass"))
	}
	// A default class would be every namespace's: that is not for a store to decide.
	class := "NAME"
	if len(classes) == 1 {
		class = classes[0]
	}
	d.repair(paste.Comment("name a class (there are %s): of all that a claim is, a class that it does not have yet can still be set", few(classes)))
	if p.want == nil {
		return d.repair(paste.Command("kubectl -n %s patch pvc %s --type=json -p %s", p.Home, p.name, paste.JSON([]operation{
			{Op: "test", Path: "/metadata/uid", Value: string(p.claim.UID)}, {Op: "add", Path: "/spec/storageClassName", Value: class},
		})))
	}
	return d.repair(p.again("storageClassName=" + class))
}

// classNames are the classes that are for everybody: one that a release made for itself is for its own claims.
func (s *Snapshot) classNames() []string {
	var out []string
	for _, c := range s.Classes {
		if c.Labels[instance] == "" {
			out = append(out, c.Name)
		}
	}
	slices.Sort(out)
	return out
}

// noVolume is the claim without a class, which only a volume that is there can serve.
func noVolume(p *patient) *Diagnosis {
	if !p.dynamic() || p.claim.Spec.StorageClassName == nil || *p.claim.Spec.StorageClassName != "" || !p.knows("persistentvolumes") {
		return nil
	}
	d := p.found("the claim's class is \"\", which means that nothing makes a volume for it, and no volume is reserved for it or fits it.").saw(p.events(p.claim.UID, "FailedBinding"))
	return d.repair(paste.Comment("for a provisioner to make one, the claim has to be recreated with a class; nothing is on it, it was never bound. The volumes and classes that are there:"),
		paste.Command("kubectl get pv,storageclass"))
}

// classMissing is the claim of a class that the cluster does not have.
func classMissing(p *patient) *Diagnosis {
	name := ""
	if p.claim != nil {
		name = className(p.claim.Spec.StorageClassName)
	}
	if !p.dynamic() || name == "" || p.class != nil || !p.knows("storageclasses") {
		return nil
	}
	classes := p.classNames()
	instead, known := schema.Nearest(name, classes), "it has "+orNone(classes)
	switch {
	case instead != "":
		known = "the nearest is " + instead
	case len(p.defaultClasses()) > 0:
		instead = p.defaultClasses()[0].Name
	case len(classes) == 1:
		instead = classes[0]
	default:
		instead = "NAME"
	}
	d := p.found("the claim is of storage class %s, and the cluster has none of that name; %s.", name, known).saw(p.events(p.claim.UID, "ProvisioningFailed"))
	d.repair(paste.Comment("make the class, or take another: a claim's class cannot be changed, but nothing is on this claim, it was never bound"), p.deleteClaim())
	if p.want == nil {
		return d.repair(p.claimAnew())
	}
	return d.repair(p.again("storageClassName=" + instead))
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none at all"
	}
	return few(list)
}

// noDriver is the class whose provisioner nobody is.
func noDriver(p *patient) *Diagnosis {
	if !p.dynamic() || p.class == nil || !p.knows("csinodes") || !p.knows("csidrivers") {
		return nil
	}
	driver := p.class.Provisioner
	if driver == "kubernetes.io/no-provisioner" {
		d := p.found("class %s makes no volumes (%s): somebody has to make a PersistentVolume of that class first, and none that fits is free.", p.class.Name, driver)
		return d.repair(paste.Command("kubectl get pv"))
	}
	if p.driverKnown(driver) || p.answered(driver) {
		return nil
	}
	// The name of a CSI driver has no slash. Another provisioner leaves no trace but its answers: it has been asked when
	// there is an event that says so, and it may take its time.
	events := p.events(p.claim.UID, "ExternalProvisioning")
	if strings.Contains(driver, "/") && (len(events) == 0 || p.Now.Sub(events[len(events)-1].FirstTimestamp.Time) < patience) {
		return nil
	}
	d := p.found("class %s has its volumes made by %s, and nothing on the cluster is a driver of that name: no CSIDriver, no node that knows it, no answer from it.", p.class.Name, driver).saw(events)
	return d.repair(paste.Comment("install the driver, or correct the class's provisioner (a class cannot be changed: delete and recreate it); what is there:"),
		paste.Command("kubectl get csidriver"), paste.Command("kubectl get csinode -o custom-columns=NODE:.metadata.name,DRIVERS:.spec.drivers[*].name"))
}

// answered says that a provisioner has worked on the claim.
func (p *patient) answered(provisioner string) bool {
	return slices.ContainsFunc(p.events(p.claim.UID), func(e corev1.Event) bool {
		return strings.HasPrefix(e.Source.Component, provisioner) || strings.HasPrefix(e.ReportingController, provisioner)
	})
}

// provisioningFailed quotes the provisioner.
func provisioningFailed(p *patient) *Diagnosis {
	if !p.dynamic() || p.class == nil {
		return nil
	}
	events := p.events(p.claim.UID, "ProvisioningFailed")
	if len(events) == 0 {
		return nil
	}
	d := p.found("%s was asked for a volume and cannot make one: %s", p.class.Provisioner, sayings(events[0].Message)).saw(events)
	return d.repair(paste.Comment("it tries again by itself once its reason is gone; the class that it was given:"),
		paste.Command("kubectl get storageclass %s -o yaml", p.class.Name), paste.Command("kubectl -n %s describe pvc %s", p.Home, p.name))
}

// sayings is what a driver says, without what its callers put around it.
func sayings(message string) string {
	if _, after, ok := strings.Cut(message, "desc = "); ok {
		return after
	}
	return message
}

// waitsForPod is no illness: but who waits for Bound waits for ever.
func waitsForPod(p *patient) *Diagnosis {
	if !p.delayed() || len(p.pods) > 0 {
		return nil
	}
	d := p.found("class %s makes a volume together with the first pod that uses the claim (%s), and there is no such pod yet. Nothing is wrong.", p.class.Name, storagev1.VolumeBindingWaitForFirstConsumer)
	d.Severity = Note
	return d.repair(paste.Comment("start the training, or let `helm test` be the first pod; `helm install --wait` would wait for ever"),
		paste.Command("helm -n %s test %s", p.Namespace, p.Release))
}

// claimPending is what is left.
func claimPending(p *patient) *Diagnosis {
	d := p.found("the claim is not bound, and no rule knows why.").saw(p.events(p.claim.UID))
	if p.Now.Sub(p.claim.CreationTimestamp.Time) < patience {
		d.Cause = "the claim is not bound yet. It has just been made: look again in half a minute."
	}
	return d.repair(paste.Command("kubectl -n %s describe pvc %s", p.Home, p.name), p.look())
}

// twoDefaults is the claim that left its class to a cluster that has several to give.
func twoDefaults(p *patient) *Diagnosis {
	defaults := p.defaultClasses()
	if len(defaults) < 2 || p.claim == nil || p.want == nil || p.want.Spec.StorageClassName != nil {
		return nil
	}
	var all []string
	for _, c := range defaults {
		all = append(all, c.Name)
	}
	d := p.found("the claim names no class, and the cluster has %d default ones (%s): it got %s, and on the next cluster, or after the next class, it may get another.", len(defaults), few(all), className(p.claim.Spec.StorageClassName))
	return d.repair(paste.Comment("name the class that the claim has in the values; the claim stays as it is:"), p.again("storageClassName="+className(p.claim.Spec.StorageClassName)))
}
