package doctor

import (
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/paste"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"checkpoint-storage/tools/ckptctl/internal/schema"
)

// dynamic reports whether the claim waits for a provisioner.
func (p *claimState) dynamic() bool { return p.pending() && p.volumeName() == "" }

// noDefaultClass diagnoses a claim without a class on a cluster without a default class.
func noDefaultClass(p *claimState) *Diagnosis {
	if !p.dynamic() || p.claim.Spec.StorageClassName != nil || !p.knows("storageclasses") || len(p.defaultClasses()) > 0 {
		return nil
	}
	d := p.found("the claim has no storage class, and the cluster has no default class.").saw(p.events(p.claim.UID, "FailedBinding"))
	classes := p.classNames()
	if len(classes) == 0 {
		return d.repair(paste.Comment("the cluster has no shared storage class: install a storage driver, or use static provisioning; classes that releases created for themselves:"), paste.Command("kubectl get pv,storageclass"))
	}
	// Making a class the default would affect every namespace, so the repair does not suggest it.
	class := "NAME"
	if len(classes) == 1 {
		class = classes[0]
	}
	d.repair(paste.Comment("set a class (available: %s): a claim's class can be set as long as it has none", few(classes)))
	if p.want == nil {
		return d.repair(paste.Command("kubectl -n %s patch pvc %s --type=json -p %s", p.Home, p.name, paste.JSON([]operation{
			{Op: "test", Path: "/metadata/uid", Value: string(p.claim.UID)}, {Op: "add", Path: "/spec/storageClassName", Value: class},
		})))
	}
	return d.repair(p.again("storageClassName=" + class))
}

// classNames returns the shared classes: those that no Helm release created for its own claims.
func (s *Snapshot) classNames() []string {
	var out []string
	for _, c := range s.Classes {
		if c.Labels[Instance] == "" {
			out = append(out, c.Name)
		}
	}
	slices.Sort(out)
	return out
}

// noVolume diagnoses a claim with the class "", which no existing volume matches.
func noVolume(p *claimState) *Diagnosis {
	if !p.dynamic() || p.claim.Spec.StorageClassName == nil || *p.claim.Spec.StorageClassName != "" || !p.knows("persistentvolumes") {
		return nil
	}
	d := p.found("the claim's class is \"\", so no volume is provisioned for it, and no existing volume is reserved for it or matches it.").saw(p.events(p.claim.UID, "FailedBinding"))
	return d.repair(paste.Comment("to have a volume provisioned, recreate the claim with a class: it was never bound and holds no data. Existing volumes and classes:"),
		paste.Command("kubectl get pv,storageclass"))
}

// classMissing diagnoses a claim whose class does not exist.
func classMissing(p *claimState) *Diagnosis {
	name := ""
	if p.claim != nil {
		name = className(p.claim.Spec.StorageClassName)
	}
	if !p.dynamic() || name == "" || p.class != nil || !p.knows("storageclasses") {
		return nil
	}
	classes := p.classNames()
	instead, known := schema.Nearest(name, classes), "available: "+orNone(classes)
	switch {
	case instead != "":
		known = "the closest name is " + instead
	case len(p.defaultClasses()) > 0:
		instead = p.defaultClasses()[0].Name
	case len(classes) == 1:
		instead = classes[0]
	default:
		instead = "NAME"
	}
	d := p.found("the claim's storage class %s does not exist; %s.", name, known).saw(p.events(p.claim.UID, "ProvisioningFailed"))
	d.repair(paste.Comment("create the class, or recreate the claim with another: a claim's class cannot be changed, and this claim was never bound and holds no data"), p.deleteClaim())
	if p.want == nil {
		return d.repair(p.recreateClaim())
	}
	return d.repair(p.again("storageClassName=" + instead))
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return few(list)
}

// noDriver diagnoses a class whose provisioner is not installed.
func noDriver(p *claimState) *Diagnosis {
	if !p.dynamic() || p.class == nil || !p.knows("csinodes") || !p.knows("csidrivers") {
		return nil
	}
	driver := p.class.Provisioner
	if driver == "kubernetes.io/no-provisioner" {
		d := p.found("class %s does not provision volumes (%s): a PersistentVolume of that class has to be created first, and none that matches is available.", p.class.Name, driver)
		return d.repair(paste.Command("kubectl get pv"))
	}
	if p.driverKnown(driver) || p.answered(driver) {
		return nil
	}
	// A provisioner with a slash in its name is no CSI driver and registers no object. It is missing if it has not answered
	// some time after the ExternalProvisioning event.
	events := p.events(p.claim.UID, "ExternalProvisioning")
	if strings.Contains(driver, "/") && (len(events) == 0 || p.Now.Sub(events[len(events)-1].FirstTimestamp.Time) < patience) {
		return nil
	}
	d := p.found("class %s is provisioned by %s, and the cluster has no such driver: no CSIDriver, no CSINode and no event names it.", p.class.Name, driver).saw(events)
	return d.repair(paste.Comment("install the driver, or correct the class's provisioner (a class cannot be changed: delete and recreate it); installed drivers:"),
		paste.Command("kubectl get csidriver"), paste.Command("kubectl get csinode -o custom-columns=NODE:.metadata.name,DRIVERS:.spec.drivers[*].name"))
}

// answered reports whether a provisioner has reported an event on the claim.
func (p *claimState) answered(provisioner string) bool {
	return slices.ContainsFunc(p.events(p.claim.UID), func(e corev1.Event) bool {
		return strings.HasPrefix(e.Source.Component, provisioner) || strings.HasPrefix(e.ReportingController, provisioner)
	})
}

// provisioningFailed diagnoses a claim whose provisioner reports an error.
func provisioningFailed(p *claimState) *Diagnosis {
	if !p.dynamic() || p.class == nil {
		return nil
	}
	events := p.events(p.claim.UID, "ProvisioningFailed")
	if len(events) == 0 {
		return nil
	}
	d := p.found("%s failed to provision a volume: %s", p.class.Provisioner, driverMessage(events[0].Message)).saw(events)
	return d.repair(paste.Comment("it retries by itself once the cause is removed; the class and the claim:"),
		paste.Command("kubectl get storageclass %s -o yaml", p.class.Name), paste.Command("kubectl -n %s describe pvc %s", p.Home, p.name))
}

// driverMessage returns a driver's error without the prefixes of its callers.
func driverMessage(message string) string {
	if _, after, ok := strings.Cut(message, "desc = "); ok {
		return after
	}
	return message
}

// waitsForPod reports a claim that is bound with its first pod and has none: `helm install --wait` would time out.
func waitsForPod(p *claimState) *Diagnosis {
	if !p.delayed() || len(p.pods) > 0 {
		return nil
	}
	d := p.found("class %s provisions a volume when the first pod uses the claim (%s), and there is no such pod yet. This is expected.", p.class.Name, storagev1.VolumeBindingWaitForFirstConsumer)
	d.Severity = Note
	return d.repair(paste.Comment("start the training, or let `helm test` be the first pod; `helm install --wait` would time out"),
		paste.Command("helm -n %s test %s", p.Namespace, p.Release))
}

// claimPending reports an unbound claim for which no other rule knows the cause.
func claimPending(p *claimState) *Diagnosis {
	d := p.found("the claim is not bound, and the cause is unknown.").saw(p.events(p.claim.UID))
	if p.Now.Sub(p.claim.CreationTimestamp.Time) < patience {
		d.Cause = "the claim is not bound yet. It was created just now: run doctor again in half a minute."
	}
	return d.repair(paste.Command("kubectl -n %s describe pvc %s", p.Home, p.name), p.look())
}

// twoDefaults warns of a claim without a class on a cluster with several default classes.
func twoDefaults(p *claimState) *Diagnosis {
	defaults := p.defaultClasses()
	if len(defaults) < 2 || p.claim == nil || p.want == nil || p.want.Spec.StorageClassName != nil {
		return nil
	}
	var all []string
	for _, c := range defaults {
		all = append(all, c.Name)
	}
	d := p.found("the claim names no class, and the cluster has %d default classes (%s): it got %s, and may get another one on another cluster, or when a default class is added.", len(defaults), few(all), className(p.claim.Spec.StorageClassName))
	return d.repair(paste.Comment("set the claim's class in the values; the claim does not change:"), p.again("storageClassName="+className(p.claim.Spec.StorageClassName)))
}
