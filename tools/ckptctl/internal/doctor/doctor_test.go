package doctor

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"checkpoint-storage/test/stub"
	"checkpoint-storage/tools/ckptctl/internal/live"
	"checkpoint-storage/tools/ckptctl/internal/paste"
)

const (
	uidOld, uidNew = types.UID("old"), types.UID("new")
	theRelease     = "checkpoints"
	ns             = "training"
	pv             = ns + "." + theRelease
)

// well returns a healthy store: a static volume on node-a, bound, with a running pod.
func well() *Snapshot {
	labels := map[string]string{Instance: theRelease}
	claim := corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: theRelease, Namespace: ns, UID: uidNew, Labels: labels, CreationTimestamp: at(-time.Hour)},
		Spec: corev1.PersistentVolumeClaimSpec{
			VolumeName: pv, StorageClassName: ptr.To(""), AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
		Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound},
	}
	volume := corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: pv, UID: "volume", ResourceVersion: "5", Labels: labels, Annotations: map[string]string{
			"meta.helm.sh/release-name": theRelease, "meta.helm.sh/release-namespace": ns,
		}},
		Spec: corev1.PersistentVolumeSpec{
			ClaimRef: &corev1.ObjectReference{Namespace: ns, Name: theRelease, UID: uidNew, ResourceVersion: "7"}, PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}, AccessModes: claim.Spec.AccessModes,
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "disk.example.com", VolumeHandle: "vol-7", FSType: "ext4"}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "rack", Operator: corev1.NodeSelectorOpIn, Values: []string{"a"}}},
			}}}},
		},
		Status: corev1.PersistentVolumeStatus{Phase: corev1.VolumeBound},
	}
	want, wantVolume := claim.DeepCopy(), volume.DeepCopy()
	want.UID, want.Status, wantVolume.Spec.ClaimRef.UID, wantVolume.Status = "", corev1.PersistentVolumeClaimStatus{}, "", corev1.PersistentVolumeStatus{}
	node := func(name, rack string) corev1.Node {
		return corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"rack": rack}},
			Status:     corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}},
		}
	}
	return &Snapshot{
		Release: theRelease, Namespace: ns, Home: ns, Now: at(0).Time, Logs: map[string]string{},
		Stored: &live.StoredRelease{Revision: 1, Status: "deployed"}, WantClaims: []corev1.PersistentVolumeClaim{*want}, WantVolumes: []corev1.PersistentVolume{*wantVolume},
		Claims: []corev1.PersistentVolumeClaim{claim}, Volumes: []corev1.PersistentVolume{volume},
		Pods: []corev1.Pod{{
			ObjectMeta: metav1.ObjectMeta{Name: "trainer", UID: "pod", CreationTimestamp: at(-time.Hour)},
			Spec: corev1.PodSpec{NodeName: "node-a", Volumes: []corev1.Volume{{Name: "c", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: theRelease},
			}}}},
			Status: corev1.PodStatus{Phase: corev1.PodRunning},
		}},
		Nodes:    []corev1.Node{node("node-a", "a"), node("node-b", "b")},
		CSINodes: []storagev1.CSINode{{ObjectMeta: metav1.ObjectMeta{Name: "node-a"}, Spec: storagev1.CSINodeSpec{Drivers: []storagev1.CSINodeDriver{{Name: "disk.example.com"}}}}},
	}
}

func at(after time.Duration) metav1.Time {
	return metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(after))
}

// waits makes the trainer Pending, with an event.
func (s *Snapshot) waits(reason, message string) {
	s.Pods[0].Status.Phase = corev1.PodPending
	s.event("pod", reason, message)
}

func (s *Snapshot) event(of types.UID, reason, message string) {
	s.Events = append(s.Events, corev1.Event{InvolvedObject: corev1.ObjectReference{UID: of}, Reason: reason, Message: message, FirstTimestamp: at(-time.Minute), LastTimestamp: at(-time.Minute)})
}

// homelessBy makes the trainer unschedulable with the scheduler's message.
func (s *Snapshot) homelessBy(message string) {
	s.Pods[0].Spec.NodeName, s.Pods[0].Status = "", corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: message},
	}}
}

// dynamic makes the claim wait for a provisioner.
func (s *Snapshot) dynamic(class string, mode storagev1.VolumeBindingMode) {
	c := &s.Claims[0]
	c.Spec.VolumeName, c.Spec.StorageClassName, c.Status.Phase = "", &class, corev1.ClaimPending
	s.Volumes, s.WantVolumes, s.Pods = nil, nil, nil
	s.WantClaims[0].Spec.StorageClassName = &class
	s.Classes = []storagev1.StorageClass{{ObjectMeta: metav1.ObjectMeta{Name: "fast"}, Provisioner: "disk.example.com", VolumeBindingMode: &mode}}
}

func (s *Snapshot) ended(code int32, log string) {
	s.Pods[0].Status = corev1.PodStatus{Phase: corev1.PodFailed, ContainerStatuses: []corev1.ContainerStatus{{Name: "trainer", State: corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: "Error"},
	}}}}
	s.Logs["trainer"] = log
}

func TestWell(t *testing.T) { assert.Empty(t, Examine(well())) }

// TestRules breaks a healthy store in one way, and checks the one cause. test/install proves most of these situations on a
// real cluster.
func TestRules(t *testing.T) {
	pending := func(s *Snapshot) *corev1.PersistentVolume {
		s.Claims[0].Status.Phase = corev1.ClaimPending
		s.Volumes[0].Spec.ClaimRef, s.Volumes[0].Status.Phase = nil, corev1.VolumeAvailable
		return &s.Volumes[0]
	}
	failed := func(s *Snapshot, description string) {
		s.Claims, s.Volumes, s.Pods = nil, nil, nil
		s.Stored.Status, s.Stored.Description = "failed", description
	}
	tests := map[string]struct {
		breaks func(*Snapshot)
		id     string
		says   string
		repair string
		safe   bool
	}{
		"quota": {func(s *Snapshot) {
			failed(s, `persistentvolumeclaims "checkpoints" is forbidden: exceeded quota: small, requested: persistentvolumeclaims=1,requests.storage=10Gi, used: persistentvolumeclaims=2,requests.storage=5Gi, limited: persistentvolumeclaims=2,requests.storage=6Gi`)
		}, "quota-exceeded", "the ResourceQuota small of namespace training refuses the release's persistentvolumeclaim checkpoints", `{"persistentvolumeclaims":"3","requests.storage":"15Gi"}`, false},
		"policy": {func(s *Snapshot) {
			failed(s, `persistentvolumeclaims "checkpoints" is forbidden: ValidatingAdmissionPolicy 'cost' with binding 'cost-all' denied request: no cost centre`)
		}, "policy-denied", "ValidatingAdmissionPolicy cost (binding cost-all)", "validatingadmissionpolicy cost", false},
		"webhook": {func(s *Snapshot) {
			failed(s, `admission webhook "claims.example.com" denied the request: no cost centre`)
		}, "webhook-denied", "claims.example.com refuses", "claims.example.com", false},
		"webhook down": {func(s *Snapshot) {
			failed(s, `failed calling webhook "claims.example.com": failed to call webhook: connection refused`)
		}, "webhook-unreachable", "does not answer", "claims.example.com", false},
		"another failure": {func(s *Snapshot) { failed(s, "the moon is full") }, "release-failed", "ended as failed", "helm -n training history checkpoints", false},
		"broken off": {func(s *Snapshot) {
			failed(s, "Initial install underway")
			s.Stored.Status, s.Stored.Secret = "pending-install", "sh.helm.release.v1.checkpoints.v1"
		}, "release-pending", "is pending-install (revision 1)", "kubectl -n training delete secret sh.helm.release.v1.checkpoints.v1\nhelm -n training upgrade --install checkpoints CHART --reset-values -f checkpoints-values.yaml", false},
		"name taken": {func(s *Snapshot) {
			s.Stored, s.WantClaims, s.WantVolumes, s.Claims, s.Pods = nil, nil, nil, nil, nil
			s.Volumes[0].Annotations["meta.helm.sh/release-name"] = "other"
		}, "volume-name-taken", "belongs to release other", "volume.name=training.checkpoints-2", false},

		"claim deleted": {func(s *Snapshot) {
			s.Claims, s.Pods, s.Volumes[0].Status.Phase = nil, nil, corev1.VolumeReleased
		}, "claim-deleted", "Released", `{"op":"remove","path":"/spec/claimRef/uid"},{"op":"remove","path":"/spec/claimRef/resourceVersion"}]`, true},
		"claim and volume deleted": {func(s *Snapshot) { s.Claims, s.Pods, s.Volumes = nil, nil, nil }, "claim-missing", "does not exist", "name: training.checkpoints", false},
		"claim terminating": {func(s *Snapshot) {
			s.Claims[0].DeletionTimestamp, s.Claims[0].Finalizers = ptr.To(at(0)), []string{"kubernetes.io/pvc-protection"}
			s.Volumes[0].Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimDelete
		}, "claim-terminating", "the reclaim policy Delete: its data is deleted", `"value":"Retain"`, true},
		"claim terminating, Retain": {func(s *Snapshot) { s.Claims[0].DeletionTimestamp = ptr.To(at(0)) }, "claim-terminating", "Pods still use it (trainer)", "delete pod trainer", false},
		"lost":                      {func(s *Snapshot) { s.Volumes, s.Claims[0].Status.Phase = nil, corev1.ClaimLost }, "volume-deleted", "The data is still there", `{"op":"add","path":"/spec/claimRef/uid","value":"new"}`, false},
		"lost, not the release's": {func(s *Snapshot) {
			s.Volumes, s.WantVolumes, s.Claims[0].Status.Phase = nil, nil, corev1.ClaimLost
		}, "volume-deleted", "did not create that volume", "uid: new", false},
		"misbound": {func(s *Snapshot) {
			s.Claims[0].Status.Phase, s.Volumes[0].Spec.ClaimRef.UID = corev1.ClaimLost, ""
		}, "volume-misbound", "recreated, or replaced by force", `"value":"new"`, true},
		"lost to another claim": {func(s *Snapshot) {
			s.Claims[0].Status.Phase, s.Volumes[0].Spec.ClaimRef.Name = corev1.ClaimLost, "other"
		}, "volume-misbound", "is now reserved for claim training/other", "describe pvc other", false},
		"volume terminating": {func(s *Snapshot) {
			s.Volumes[0].DeletionTimestamp, s.Volumes[0].Finalizers = ptr.To(at(0)), []string{"external-attacher/disk"}
			s.Attachments = []storagev1.VolumeAttachment{{Spec: storagev1.VolumeAttachmentSpec{NodeName: "node-a", Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: ptr.To(pv)}}}}
		}, "volume-terminating", "attached to node node-a", "kubectl wait --for=delete pv/" + pv, false},
		"bound elsewhere": {func(s *Snapshot) { s.Claims[0].Spec.VolumeName = "stranger" }, "bound-elsewhere", "stranger", "persistentvolumeclaims/checkpoints", false},
		"volume missing":  {func(s *Snapshot) { pending(s); s.Volumes = nil }, "volume-missing", "which does not exist", "kind: PersistentVolume", false},
		"released": {func(s *Snapshot) {
			s.Claims[0].Status.Phase = corev1.ClaimPending
			s.Volumes[0].Spec.ClaimRef.UID, s.Volumes[0].Status.Phase = uidOld, corev1.VolumeReleased
		}, "volume-released", "an earlier claim", `"path":"/spec/claimRef/uid"`, true},
		"released, but not ours": {func(s *Snapshot) {
			s.Claims[0].Status.Phase = corev1.ClaimPending
			s.Volumes[0].Spec.ClaimRef.UID, s.Volumes[0].Status.Phase, s.Volumes[0].Labels = uidOld, corev1.VolumeReleased, nil
		}, "volume-released", "does not belong to this release", `"path":"/spec/claimRef/uid"`, false},
		"taken": {func(s *Snapshot) {
			s.Claims[0].Status.Phase, s.Volumes[0].Spec.ClaimRef.Name = corev1.ClaimPending, "decoy"
		}, "volume-taken", "is reserved for claim training/decoy", "persistentvolumeclaims/decoy", false},
		"class":       {func(s *Snapshot) { pending(s).Spec.StorageClassName = "fast" }, "class-mismatch", `has "fast"`, `"path":"/spec/storageClassName","value":""`, false},
		"size":        {func(s *Snapshot) { pending(s).Spec.Capacity[corev1.ResourceStorage] = resource.MustParse("1Mi") }, "volume-too-small", "requests 1Gi", `"path":"/spec/capacity/storage","value":"1Gi"`, false},
		"volume mode": {func(s *Snapshot) { pending(s).Spec.VolumeMode = ptr.To(corev1.PersistentVolumeBlock) }, "volume-mode-mismatch", "is Block", "persistentvolumeclaims", false},
		"access mode": {func(s *Snapshot) {
			pending(s).Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadOnlyMany}
		}, "access-mode-mismatch", "offers ReadOnlyMany", `["ReadWriteOnce","ReadOnlyMany"]`, false},
		"no default class": {func(s *Snapshot) {
			s.dynamic("", storagev1.VolumeBindingImmediate)
			s.Claims[0].Spec.StorageClassName = nil
		}, "no-default-class", "no default class", "--reset-values -f - --set storageClassName=fast", false},
		"no volume": {func(s *Snapshot) { s.dynamic("", storagev1.VolumeBindingImmediate) }, "no-volume", "no volume is provisioned", "kubectl get pv,storageclass", false},
		"no class":  {func(s *Snapshot) { s.dynamic("fats", storagev1.VolumeBindingImmediate) }, "class-missing", "the closest name is fast", "storageClassName=fast", false},
		"no driver": {func(s *Snapshot) { s.dynamic("fast", storagev1.VolumeBindingImmediate); s.CSINodes = nil }, "no-driver", "disk.example.com", "get csidriver", false},
		"no provisioner": {func(s *Snapshot) {
			s.dynamic("fast", storagev1.VolumeBindingImmediate)
			s.Classes[0].Provisioner = "kubernetes.io/no-provisioner"
		}, "no-driver", "a PersistentVolume of that class has to be created first", "kubectl get pv", false},
		"silent provisioner": {func(s *Snapshot) {
			s.dynamic("fast", storagev1.VolumeBindingImmediate)
			s.Classes[0].Provisioner = "example.com/nfs"
			s.event(uidNew, "ExternalProvisioning", "Waiting for a volume to be created")
		}, "no-driver", "no event names it", "get csidriver", false},
		"provisioning fails": {func(s *Snapshot) {
			s.dynamic("fast", storagev1.VolumeBindingImmediate)
			s.event(uidNew, "ProvisioningFailed", "rpc error: code = ResourceExhausted desc = pool is full")
		}, "provisioning-failed", "failed to provision a volume: pool is full", "get storageclass fast", false},
		"pending":   {func(s *Snapshot) { s.dynamic("fast", storagev1.VolumeBindingImmediate) }, "claim-pending", "the cause is unknown", "describe pvc", false},
		"first pod": {func(s *Snapshot) { s.dynamic("fast", storagev1.VolumeBindingWaitForFirstConsumer) }, "waits-for-first-pod", "This is expected", "helm -n training test", false},
		"nodeName": {func(s *Snapshot) {
			pods := s.Pods
			s.dynamic("fast", storagev1.VolumeBindingWaitForFirstConsumer)
			pods[0].Status.Phase, s.Pods = corev1.PodPending, pods
		}, "node-name-set", "bypasses the scheduler", "nodeSelector", false},

		"pod security": {func(s *Snapshot) {
			s.Pods = nil
			s.ReplicaSets = []appsv1.ReplicaSet{{ObjectMeta: metav1.ObjectMeta{Name: "web", UID: "rs"}, Spec: appsv1.ReplicaSetSpec{Template: corev1.PodTemplateSpec{Spec: well().Pods[0].Spec}}}}
			s.event("rs", "FailedCreate", `pods "web-1" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true`)
		}, "pod-security", "refuses the pods of replicaset web", "get hooks", false},
		"once": {func(s *Snapshot) {
			first := s.Pods[0]
			first.Name = "first"
			s.Pods = append(s.Pods, first)
			s.homelessBy("0/2 nodes are available: 1 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod.")
		}, "access-once-in-use", "pod first uses it", "delete pod first", false},
		"node lost": {func(s *Snapshot) {
			s.Nodes = s.Nodes[1:]
			s.homelessBy("0/1 nodes are available: 1 node(s) had volume node affinity conflict")
		}, "node-lost", "rack In a", "get nodes", false},
		"node cordoned": {func(s *Snapshot) {
			s.Nodes[0].Spec.Unschedulable = true
			s.homelessBy("0/2 nodes are available: 1 node(s) were unschedulable")
		}, "node-not-ready", "node-a is cordoned", "kubectl uncordon node-a", false},
		"node down": {func(s *Snapshot) {
			s.Nodes[0].Status.Conditions = nil
			s.homelessBy("0/2 nodes are available: 1 node(s) had untolerated taint")
		}, "node-not-ready", "node-a is not ready", "describe node node-a", false},
		"node tainted": {func(s *Snapshot) {
			s.Nodes[0].Spec.Taints = []corev1.Taint{{Key: "gpu", Value: "yes", Effect: corev1.TaintEffectNoSchedule}}
			s.homelessBy("0/2 nodes are available: 1 node(s) had untolerated taint")
		}, "node-not-ready", "taint gpu=yes:NoSchedule", "{key: gpu,", false},
		"conflict": {func(s *Snapshot) {
			s.Pods[0].Spec.NodeSelector = map[string]string{"rack": "b"}
			s.homelessBy("0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had volume node affinity conflict")
		}, "node-conflict", "on node-a only", "nodeSelector", false},
		"too large": {func(s *Snapshot) { s.homelessBy("0/2 nodes are available: 2 Insufficient cpu") }, "unschedulable", "Insufficient cpu", "describe pod trainer", false},
		"multi-attach": {func(s *Snapshot) {
			second := s.Pods[0]
			second.Name, second.Spec.NodeName = "second", "node-b"
			s.Pods = append(s.Pods, second)
			s.waits("FailedAttachVolume", "Multi-Attach error for volume")
		}, "multi-attach", "in use on node node-b by pod second", "delete pod second", false},
		"multi-attach, node down": {func(s *Snapshot) {
			s.Nodes[1].Status.Conditions = nil
			s.Attachments = []storagev1.VolumeAttachment{{Spec: storagev1.VolumeAttachmentSpec{NodeName: "node-b", Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: ptr.To(pv)}}}}
			s.waits("FailedAttachVolume", "Multi-Attach error for volume")
		}, "multi-attach", "in use on node node-b", "taint node node-b node.kubernetes.io/out-of-service", false},
		"driver nowhere": {func(s *Snapshot) { s.CSINodes = nil; s.waits("FailedMount", "driver name disk.example.com not found") }, "no-driver", "no node of the cluster", "get csidriver", false},
		"driver not on node": {func(s *Snapshot) {
			s.CSINodes[0].Name = "node-b"
			s.waits("FailedMount", "driver name disk.example.com not found")
		}, "driver-not-on-node", "it runs on node-b", "spec.nodeName=node-a", false},
		"secret": {func(s *Snapshot) {
			s.Volumes[0].Spec.CSI.NodeStageSecretRef = &corev1.SecretReference{Name: "login", Namespace: "storage"}
			s.waits("FailedMount", `fetching NodeStageSecretRef storage/login failed: kubernetes.io/csi: failed to find the secret login in the namespace storage with error: secrets "login" not found`)
		}, "secret-missing", "Secret login of namespace storage", "-n storage create secret generic login", false},
		"directory": {func(s *Snapshot) {
			s.waits("FailedMount", `MountVolume.SetUp failed for volume "x" : hostPath type check failed: /mnt/a is not a directory`)
		}, "directory-missing", "directory /mnt/a of node node-a", "mkdir -p /mnt/a", false},
		"local": {func(s *Snapshot) {
			s.waits("FailedMount", `MountVolume.NewMounter initialization failed for volume "x" : path "/mnt/b" does not exist`)
		}, "directory-missing", "/mnt/b of node node-a", "mkdir -p /mnt/b", false},
		"option": {func(s *Snapshot) {
			s.Volumes[0].Spec.MountOptions = []string{"flock2"}
			s.waits("FailedMount", "mount: bad option flock2")
		}, "mount-option-refused", "mount option flock2 of volume", `{"op":"remove","path":"/spec/mountOptions/0"}`, false},
		"one option of several": {func(s *Snapshot) {
			s.Volumes[0].Spec.MountOptions = []string{"hard", "flock2", "noatime"}
			s.waits("FailedMount", "mount failed: exit status 32 Mounting arguments: -t lustre -o hard,flock2,noatime mgs:/ckpt /x Output: mount.lustre: bad option 'flock2'")
		}, "mount-option-refused", "mount option flock2 of volume", `{"op":"test","path":"/spec/mountOptions/1","value":"flock2"},{"op":"remove","path":"/spec/mountOptions/1"}`, false},
		"one option, not named": {func(s *Snapshot) {
			s.Volumes[0].Spec.MountOptions = []string{"hard", "flock2"}
			s.waits("FailedMount", "mount failed: exit status 32 Mounting arguments: -t nfs -o hard,flock2 filer:/ckpt /x Output: mount.nfs: an incorrect mount option was specified")
		}, "mount-option-refused", "does not say which: hard,flock2", "get pvc/checkpoints pv/training.checkpoints", false},
		"options of a directory": {func(s *Snapshot) {
			s.Volumes[0].Spec.MountOptions = []string{"hard", "noatime"}
			s.waits("FailedMount", "mount options are not supported for this volume type")
		}, "mount-option-refused", "(hard,noatime), which a volume of its type", `{"op":"remove","path":"/spec/mountOptions"}`, false},
		"option, gone":   {func(s *Snapshot) { s.waits("FailedMount", "mount options are not supported for this volume type") }, "mount-option-refused", "it has none now", "delete pod trainer", false},
		"stale":          {func(s *Snapshot) { s.waits("FailedMount", "stat /x: Stale file handle") }, "stale-handle", "no longer exists", "delete pod trainer", false},
		"stale, running": {func(s *Snapshot) { s.ended(1, "OSError: [Errno 116] Stale file handle") }, "stale-handle", "no longer exists", "delete pod trainer", false},
		"denied": {func(s *Snapshot) {
			s.waits("FailedMount", "rpc error: code = Internal desc = mount.nfs: access denied by server")
		}, "mount-denied", "access denied by server", "addresses", false},
		"unreachable": {func(s *Snapshot) { s.waits("FailedMount", "mount.nfs: No route to host") }, "server-unreachable", "does not answer", "firewall", false},
		"walking": {func(s *Snapshot) {
			s.waits("VolumePermissionChangeInProgress", "Setting volume ownership, processed 4 files")
		}, "ownership-walk", "the kubelet is changing the group of every file", "OnRootMismatch", false},
		"mount": {func(s *Snapshot) { s.waits("FailedMount", "the disk is on fire") }, "mount-failed", "the disk is on fire", "describe pod", false},
		"image": {func(s *Snapshot) {
			s.Pods[0].Status = corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{Name: "trainer", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}}}}
		}, "not-storage", "ImagePullBackOff", "describe pod", false},
		"crash loop": {func(s *Snapshot) {
			ended := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error"}}
			s.Pods[0].Status = corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{
				Name: "trainer", RestartCount: 2, LastTerminationState: ended, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
			}}}
		}, "not-storage", "keeps exiting with code 3 (Error)", "logs trainer -c trainer --previous", false},
		"silence":    {func(s *Snapshot) { s.Pods[0].Status.Phase = corev1.PodPending }, "not-storage", "no event says why", "describe pod", false},
		"permission": {func(s *Snapshot) { s.ended(1, "sh: can't create /checkpoints/x: Permission denied") }, "permission-denied", "may not write", "podSecurityContext.fsGroup", false},
		"permission, too late": {func(s *Snapshot) {
			s.Pods[0].Spec.SecurityContext = &corev1.PodSecurityContext{FSGroup: ptr.To(int64(2000)), FSGroupChangePolicy: ptr.To(corev1.FSGroupChangeOnRootMismatch)}
			first, elsewhere := s.Pods[0], s.Pods[0]
			first.Name, elsewhere.Name, elsewhere.Spec.NodeName = "first", "elsewhere", "node-b"
			s.event("pod", "AlreadyMountedVolume", "The requested fsGroup is 2000, but the volume x has GID 0. The volume may not be shareable.")
			s.ended(1, "sh: can't create /checkpoints/x: Permission denied")
			s.Pods = append(s.Pods, elsewhere, first)
		}, "permission-denied", "fsGroup 2000 has no effect: the kubelet applies the fsGroup of the first pod", "after the others have ended:\nkubectl -n training delete pod first\nkubectl -n training delete pod trainer", false},
		"read-only": {func(s *Snapshot) { s.ended(1, "touch: x: Read-only file system") }, "read-only", "read-only", "get pod trainer -o yaml", false},
		"full":      {func(s *Snapshot) { s.ended(1, "OSError: [Errno 28] No space left on device") }, "no-space", "no space left", "does not expand this volume", false},
		"crash":     {func(s *Snapshot) { s.ended(137, "CUDA out of memory") }, "not-storage", "exited with code 137", "logs trainer", false},

		"Delete": {func(s *Snapshot) {
			s.Volumes[0].Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimDelete
		}, "delete-policy", "newer provisioners delete", `"value":"Retain"`, true},
		"twin": {func(s *Snapshot) { twin := s.Volumes[0]; twin.Name = "twin"; s.Volumes = append(s.Volumes, twin) }, "duplicate-handle", `"vol-7" as twin`, "volumeHandle", false},
		"larger than the storage": {func(s *Snapshot) {
			s.grows("ControllerResizeInfeasible", corev1.PersistentVolumeClaimControllerResizeError, "pool gold is full")
		}, "resize-infeasible", "requests 5Gi and has 1Gi: the storage refuses", "--set size=SIZE", false},
		"larger than the node can": {func(s *Snapshot) {
			s.WantClaims = nil
			s.grows("NodeResizeInfeasible", corev1.PersistentVolumeClaimNodeResizeError, "no room")
		}, "resize-infeasible", "the storage has grown, but the node refuses", `"path":"/spec/resources/requests/storage","value":"SIZE"`, false},
		"grows later": {func(s *Snapshot) {
			s.grows("ControllerResizeInProgress", corev1.PersistentVolumeClaimControllerResizeError, "pool gold is full")
		}, "resize-failed", "is tried again", "describe pvc checkpoints", false},
		"grows later, by an event": {func(s *Snapshot) {
			s.grows("ControllerResizeInProgress", corev1.PersistentVolumeClaimResizing, "")
			s.event(uidNew, "VolumeResizeFailed", "rpc error: code = ResourceExhausted desc = pool gold has 3 GiB left")
		}, "resize-failed", "is tried again", "describe pvc checkpoints", false},
		"grows with a pod": {func(s *Snapshot) {
			s.Pods = nil
			s.grows("NodeResizePending", corev1.PersistentVolumeClaimFileSystemResizePending, "Waiting for user to (re-)start a pod")
		}, "resize-pending", "its file system still has 1Gi", "helm -n training test checkpoints", false},
		"grows with another pod": {func(s *Snapshot) {
			s.grows("NodeResizePending", corev1.PersistentVolumeClaimFileSystemResizePending, "Waiting for user to (re-)start a pod")
		}, "resize-pending", "when a pod next mounts", "delete pod trainer", false},
		"no resizer": {func(s *Snapshot) {
			s.grows("", "", "")
			s.event(uidNew, "ExternalExpanding", "waiting for an external controller to expand this PVC")
		}, "no-resizer", "no controller has begun", "describe pvc checkpoints", false},
		"modify": {func(s *Snapshot) {
			s.modifies("Infeasible", "silver")
		}, "modify-failed", "gold, and the storage refuses its parameters: the volume keeps those of class silver", "claim.volumeAttributesClassName=silver", false},
		"modify, another's claim": {func(s *Snapshot) {
			s.WantClaims = nil
			s.modifies("Infeasible", "")
		}, "modify-failed", "the attributes that it was made with", `{"op":"remove","path":"/spec/volumeAttributesClassName"}`, false},
		"no attributes class": {func(s *Snapshot) {
			s.modifies("Pending", "silver")
			s.Claims[0].Status.ModifyVolumeStatus.TargetVolumeAttributesClassName, s.Claims[0].Spec.VolumeAttributesClassName = "", ptr.To("gold")
			s.event(uidNew, "VolumeModifyFailed", `VAC "gold" does not exist.`)
		}, "modify-failed", "the volume attributes class gold, and it does not exist", "claim.volumeAttributesClassName=silver", false},
		"full node": {func(s *Snapshot) {
			s.Pods[0].Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "VolumeAttachmentLimitExceeded", Message: "Pod was rejected: limit exceeded"}
		}, "attach-limit", "cannot be attached to node node-a", "delete pod trainer", false},
		"label": {func(s *Snapshot) {
			s.waits("FailedMount", `Unable to attach or mount volumes: conflicting SELinux labels of volume training.checkpoints: "system_u:object_r:container_file_t:s0:c1" and "system_u:object_r:container_file_t:s0:c2"`)
		}, "selinux-conflict", `"system_u:object_r:container_file_t:s0:c2"`, "seLinuxChangePolicy: Recursive", false},
		"labels": {func(s *Snapshot) {
			s.labels("s0:c1,c2", "s0:c3,c4")
		}, "selinux-conflict", "trainer (:::s0:c1,c2) and evaluator (:::s0:c3,c4)", "delete pod trainer evaluator", false},
		"a label and none": {func(s *Snapshot) {
			s.labels("s0:c1,c2", "")
		}, "selinux-conflict", "evaluator (files labelled one by one)", "seLinuxChangePolicy: Recursive", false},
		"will walk": {func(s *Snapshot) {
			s.Pods[0].Spec.SecurityContext = &corev1.PodSecurityContext{FSGroup: ptr.To(int64(1))}
		}, "ownership-walk", "on every start", "OnRootMismatch", false},
	}
	seen := map[string]bool{"two-default-classes": true}
	for name, c := range tests {
		seen[c.id] = true
		t.Run(name, func(t *testing.T) {
			s := well()
			c.breaks(s)
			got := Examine(s)
			require.Len(t, got, 1, "%v", got)
			assert.Equal(t, c.id, got[0].ID, got[0].Cause)
			assert.Contains(t, got[0].Cause, c.says)
			assert.Contains(t, pasted(got[0].Repair), c.repair)
			assert.Equal(t, c.safe, got[0].Safe)
		})
	}
	for _, e := range Explanations() {
		assert.True(t, seen[e.ID], "no test breaks %s", e.ID)
	}
}

// grows makes the claim request more than it has.
func (s *Snapshot) grows(state corev1.ClaimResourceStatus, condition corev1.PersistentVolumeClaimConditionType, message string) {
	c := &s.Claims[0]
	c.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("5Gi")
	c.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	if state != "" {
		c.Status.AllocatedResourceStatuses = map[corev1.ResourceName]corev1.ClaimResourceStatus{corev1.ResourceStorage: state}
		c.Status.Conditions = []corev1.PersistentVolumeClaimCondition{{Type: condition, Status: corev1.ConditionTrue, Message: message}}
	}
}

// modifies makes the claim ask for the volume attributes class gold.
func (s *Snapshot) modifies(status corev1.PersistentVolumeClaimModifyVolumeStatus, before string) {
	c := &s.Claims[0]
	c.Status.ModifyVolumeStatus = &corev1.ModifyVolumeStatus{TargetVolumeAttributesClassName: "gold", Status: status}
	if before != "" {
		c.Status.CurrentVolumeAttributesClassName = &before
	}
}

// labels adds a second pod, and gives both an SELinux level.
func (s *Snapshot) labels(levels ...string) {
	s.Drivers = []storagev1.CSIDriver{{ObjectMeta: metav1.ObjectMeta{Name: "disk.example.com"}, Spec: storagev1.CSIDriverSpec{SELinuxMount: ptr.To(true)}}}
	second := *s.Pods[0].DeepCopy()
	second.Name, second.UID = "evaluator", "second"
	s.Pods = append(s.Pods, second)
	for i, level := range levels {
		if level != "" {
			s.Pods[i].Spec.SecurityContext = &corev1.PodSecurityContext{SELinuxOptions: &corev1.SELinuxOptions{Level: level}}
		}
	}
}

// TestNoConflict checks that nothing is said of pods that may share a node: with one label, with files labelled one by one, or
// on a volume that is not mounted with a label.
func TestNoConflict(t *testing.T) {
	for name, breaks := range map[string]func(*Snapshot){
		"one label": func(s *Snapshot) { s.labels("s0:c1,c2", "s0:c1,c2") },
		"no label":  func(s *Snapshot) { s.labels("", "") },
		"Recursive": func(s *Snapshot) {
			s.labels("s0:c1,c2", "s0:c3,c4")
			for i := range s.Pods {
				s.Pods[i].Spec.SecurityContext.SELinuxChangePolicy = ptr.To(corev1.SELinuxChangePolicyRecursive)
			}
		},
		"another driver": func(s *Snapshot) { s.labels("s0:c1,c2", "s0:c3,c4"); s.Drivers[0].Spec.SELinuxMount = nil },
		"parts that are left out": func(s *Snapshot) {
			s.labels("s0:c1,c2", "s0:c1,c2")
			s.Pods[1].Spec.SecurityContext.SELinuxOptions.Type = "container_file_t"
		},
		"growing now": func(s *Snapshot) { s.grows("ControllerResizeInProgress", corev1.PersistentVolumeClaimResizing, "") },
		"no longer modified": func(s *Snapshot) {
			s.modifies("Pending", "")
			s.Claims[0].Status.ModifyVolumeStatus.TargetVolumeAttributesClassName = ""
			s.event(uidNew, "VolumeModifyFailed", `VAC "gold" does not exist.`)
		},
		"modifying": func(s *Snapshot) { s.modifies("InProgress", "silver") },
	} {
		t.Run(name, func(t *testing.T) {
			s := well()
			breaks(s)
			assert.Empty(t, Examine(s))
		})
	}
}

// pasted returns a repair as it is pasted into a shell.
func pasted(lines []paste.Line) string {
	var out []string
	for _, line := range lines {
		out = append(out, line.String())
	}
	return strings.Join(out, "\n")
}

// TestTaint runs the commands for a node that is off, as they are printed: the taint is there, and then it is not.
func TestTaint(t *testing.T) {
	s := well()
	s.Nodes[1].Status.Conditions = nil
	s.Attachments = []storagev1.VolumeAttachment{{Spec: storagev1.VolumeAttachmentSpec{NodeName: "node-b", Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: ptr.To(s.Volumes[0].Name)}}}}
	s.waits("FailedAttachVolume", "Multi-Attach error for volume")
	other := corev1.Taint{Key: "example.com/gpu", Effect: corev1.TaintEffectNoSchedule}
	server := stub.Serve(t, map[string]runtime.Object{"/api/v1/nodes/node-b": &corev1.Node{
		TypeMeta: metav1.TypeMeta{Kind: "Node", APIVersion: "v1"}, ObjectMeta: metav1.ObjectMeta{Name: "node-b"}, Spec: corev1.NodeSpec{Taints: []corev1.Taint{other}},
	}})
	var lines []string
	for _, d := range Examine(s) {
		for _, line := range d.Repair {
			if text := line.String(); strings.HasPrefix(text, "kubectl taint") {
				lines = append(lines, text)
			}
		}
	}
	require.Len(t, lines, 2)
	server.Run(lines[0])
	assert.ElementsMatch(t, []corev1.Taint{other, {Key: corev1.TaintNodeOutOfService, Value: "nodeshutdown", Effect: corev1.TaintEffectNoExecute}}, server.Node("node-b").Spec.Taints)
	server.Run(lines[1])
	assert.Equal(t, []corev1.Taint{other}, server.Node("node-b").Spec.Taints)
}
