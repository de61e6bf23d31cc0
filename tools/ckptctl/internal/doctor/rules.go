package doctor

// The rules. In each list, causes come before their consequences, and only the first rule that applies is reported.
var (
	releaseRules = []rule[*Snapshot]{
		{"quota-exceeded", "a ResourceQuota that refuses the release's objects, or the pods", releaseRefused("quota")},
		{"policy-denied", "a ValidatingAdmissionPolicy that refuses them", releaseRefused("policy")},
		{"webhook-denied", "an admission webhook that refuses them", releaseRefused("webhook")},
		{"webhook-unreachable", "an admission webhook that does not answer", releaseRefused("webhookDown")},
		{"volume-name-taken", "a volume of the release's name that belongs to another release", volumeNameTaken},
		{"release-pending", "an install or an upgrade that was interrupted", interrupted},
		{"release-failed", "what the last install or upgrade failed with", failedRelease},
	}
	claimRules = []rule[*claimState]{
		{"claim-deleted", "a volume that is Released while its claim is gone", claimDeleted},
		{"claim-missing", "a claim of the release that does not exist", claimMissing},
		{"claim-terminating", "a claim that is being deleted while pods use it", claimTerminating},
		{"volume-deleted", "a Lost claim whose volume is gone", volumeDeleted},
		{"volume-misbound", "a Lost claim whose volume does not carry the claim's uid", volumeMisbound},
		{"volume-terminating", "a volume that is being deleted, and the finalizers that hold it", volumeTerminating},
		{"bound-elsewhere", "a claim that is bound to another volume than the release's", boundElsewhere},
		{"volume-missing", "a claim that names a volume that does not exist", volumeMissing},
		{"volume-released", "a volume that is reserved for an earlier claim of the same name", volumeReleased},
		{"volume-taken", "a volume that is reserved for another claim or release", volumeTaken},
		{"class-mismatch", "the storage class of claim and volume", classMismatch},
		{"volume-too-small", "the size of claim and volume", tooSmall},
		{"volume-mode-mismatch", "Filesystem or Block, on claim and volume", volumeModeMismatch},
		{"access-mode-mismatch", "the access modes of claim and volume", accessModeMismatch},
		{"no-default-class", "a claim without a class on a cluster without a default class", noDefaultClass},
		{"no-volume", "a claim without a class that no volume matches", noVolume},
		{"class-missing", "a claim of a class that does not exist", classMissing},
		{"no-driver", "a provisioner or a CSI driver that is not installed", noDriver},
		{"provisioning-failed", "what the provisioner says", provisioningFailed},
		{"waits-for-first-pod", "a claim that is bound together with its first pod, and has none", waitsForPod},
	}
	workloadRules = []rule[workloadState]{
		{"pod-security", "pods that the namespace's Pod Security refuses", podsRefused("podSecurity")},
		{"quota-exceeded", "", podsRefused("quota")},
		{"policy-denied", "", podsRefused("policy")},
		{"webhook-denied", "", podsRefused("webhook")},
		{"webhook-unreachable", "", podsRefused("webhookDown")},
	}
	podRules = []rule[podState]{
		{"node-name-set", "a pod that names its node, on a claim that waits for the scheduler", nodeNameSet},
		{"access-once-in-use", "a second pod on a ReadWriteOncePod claim", onceInUse},
		{"node-lost", "a volume of a node that the cluster does not have", nodeLost},
		{"node-not-ready", "a volume of a node that takes no pods", nodeNotReady},
		{"node-conflict", "a pod whose nodeSelector or affinity excludes the nodes of its volume", nodeConflict},
		{"unschedulable", "a pod that cannot be scheduled for another reason", unschedulable},
		{"attach-limit", "a node that has no room for another volume of the driver", attachLimit},
		{"multi-attach", "a ReadWriteOnce volume that is attached to another node", multiAttach},
		{"no-driver", "", driverNowhere},
		{"driver-not-on-node", "the driver of the volume, on the pod's node", driverNotOnNode},
		{"duplicate-handle", "", duplicateHandleStuck},
		{"secret-missing", "a secret that the volume needs", secretMissing},
		{"directory-missing", "a directory that is to be on the node", directoryMissing},
		{"mount-option-refused", "a mount option that is refused", mountOption},
		{"selinux-conflict", "pods of other SELinux labels on a volume that is mounted with one", selinuxRefused},
		{"stale-handle", "a mount whose file system no longer exists", staleHandle},
		{"mount-denied", "storage that refuses the node", mountDenied},
		{"server-unreachable", "storage that does not answer", unreachable},
		{"ownership-walk", "a pod that waits until every file has its group", walking},
		{"mount-failed", "an attach or a mount that fails", mountFailed},
		{"permission-denied", "a program that may not write", permissionDenied},
		{"read-only", "a program that finds the file system read-only", readOnly},
		{"no-space", "a program that finds the file system full", noSpace},
		{"not-storage", "a pod that waits for something other than storage", notStorage},
	}
	pendingRules = []rule[*claimState]{
		{"claim-pending", "a claim that is not bound for an unknown reason", claimPending},
	}
	noteRules = []rule[*claimState]{
		{"delete-policy", "a static volume that Kubernetes would delete with its claim", deletePolicy},
		{"duplicate-handle", "two volumes of one driver that have the same handle", duplicateHandle},
		{"ownership-walk", "", willWalk},
		{"selinux-conflict", "", selinuxConflict},
		{"two-default-classes", "a claim that got one of several default classes", twoDefaults},
	}
)

// Explanation describes the rules of an id.
type Explanation struct{ ID, LooksAt string }

// Explanations returns the explanations of all ids in the order of the rules.
func Explanations() []Explanation {
	var out []Explanation
	out = appendRules(out, releaseRules)
	out = appendRules(out, claimRules)
	out = appendRules(out, workloadRules)
	out = appendRules(out, podRules)
	out = appendRules(out, pendingRules)
	out = appendRules(out, growthRules)
	return appendRules(out, noteRules)
}

func appendRules[T any](out []Explanation, rules []rule[T]) []Explanation {
	for _, r := range rules {
		if r.looksAt != "" {
			out = append(out, Explanation{r.id, r.looksAt})
		}
	}
	return out
}
