package install

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

var listControlPlane = metav1.ListOptions{LabelSelector: "node-role.kubernetes.io/control-plane"}

// refusalScenarios are objects that the API server or Helm refused to create.
var refusalScenarios = []scenario{
	{
		title: "a quota refuses the claim",
		breaks: func(b *brokenStore) {
			b.makeDir()
			b.quota("requests.storage", "100Mi")
			b.refused(b.onFirst("hostPath")...)
		},
		id: "quota-exceeded", says: []string{"the ResourceQuota small of namespace $NS refuses", "requested requests.storage=1Gi", "limit requests.storage=100Mi"},
		mended: readsBack,
	},
	{
		title: "a quota refuses the pods",
		breaks: func(b *brokenStore) {
			b.static()
			b.quota("pods", "0")
			b.job(nil)
		},
		id: "quota-exceeded", says: []string{"the ResourceQuota small of namespace $NS refuses the pods of job train", "limit pods=0"},
		// The Job retries by itself.
		mended: (*brokenStore).healthy,
	},
	{
		title: "Pod Security refuses the pods", profile: "restricted",
		breaks: func(b *brokenStore) {
			b.static()
			b.job(nil)
		},
		id: "pod-security", says: []string{"profile restricted:latest of namespace $NS refuses the pods of job train", "runAsNonRoot"},
		repair: func(b *brokenStore) {
			b.kubectl("delete job train")
			b.job(func(spec *corev1.PodSpec) {
				spec.SecurityContext = &corev1.PodSecurityContext{
					RunAsUser: ptr.To(int64(1000)), RunAsNonRoot: ptr.To(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
				}
				spec.Containers[0].SecurityContext = &corev1.SecurityContext{
					AllowPrivilegeEscalation: ptr.To(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				}
			})
		},
		mended: (*brokenStore).healthy,
	},
	{
		title: "an admission policy refuses the claim",
		breaks: func(b *brokenStore) {
			b.makeDir()
			b.policy()
			b.refused(b.onFirst("hostPath")...)
		},
		id: "policy-denied", says: []string{"the ValidatingAdmissionPolicy $NS", "refuses the release's persistentvolumeclaim checkpoints", "claims need a cost centre"},
		at: "then install the missing objects", meanwhile: (*brokenStore).withoutPolicy, mended: readsBack,
	},
	{
		title: "an admission webhook does not answer",
		breaks: func(b *brokenStore) {
			b.makeDir()
			b.webhook(nil)
			b.untilRefused("failed calling webhook")
			b.refused(b.onFirst("hostPath")...)
		},
		id: "webhook-unreachable", says: []string{"the admission webhook claims.example.com", "does not answer"},
		at: "then install the missing objects", meanwhile: (*brokenStore).withoutPolicy, mended: readsBack,
	},
	{
		title: "an admission webhook refuses the claim",
		breaks: func(b *brokenStore) {
			b.makeDir()
			b.webhook(b.serveWebhook())
			b.untilRefused("denied the request")
			b.refused(b.onFirst("hostPath")...)
		},
		id: "webhook-denied", says: []string{"the admission webhook claims.example.com refuses", "claims need a cost centre"},
		at: "then install the missing objects", meanwhile: (*brokenStore).withoutPolicy, mended: readsBack,
	},
	{
		title: "the volume's name belongs to another release",
		breaks: func(b *brokenStore) {
			// The chart's own names never collide; a chosen name can.
			other := newBrokenStore(b.t, b.cluster, scenario{title: "the volume"}, byHand)
			other.release = "theirs"
			other.install(fmt.Sprintf("volume.name=%q", b.ns+"."+release))
			out, err := b.tryHelm("install", release, charts.Chart())
			require.Error(b.t, err, out)
		},
		id: "volume-name-taken", says: []string{"belongs to release theirs of namespace doctor-the-volume", "PersistentVolumes are cluster-scoped"},
		words: func(b *brokenStore) map[string]string {
			file := filepath.Join(b.t.TempDir(), "values.yaml")
			require.NoError(b.t, os.WriteFile(file, []byte("size: 1Gi\n"), 0o600))
			return map[string]string{"VALUES": file}
		},
		mended: isBound,
	},
	{
		title: "a limit that the doctor does not know refuses the claim",
		breaks: func(b *brokenStore) {
			b.makeDir()
			_, err := b.client.CoreV1().LimitRanges(b.ns).Create(b.t.Context(), &corev1.LimitRange{
				ObjectMeta: metav1.ObjectMeta{Name: "small"},
				Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
					Type: corev1.LimitTypePersistentVolumeClaim, Max: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("100Mi")},
				}}},
			}, create)
			require.NoError(b.t, err)
			b.untilRefused("maximum storage usage")
			b.refused(b.onFirst("hostPath")...)
		},
		id: "release-failed", says: []string{"(revision 1) ended as failed"},
		at: "once the cause is removed", meanwhile: func(b *brokenStore) {
			require.NoError(b.t, b.client.CoreV1().LimitRanges(b.ns).Delete(b.t.Context(), "small", metav1.DeleteOptions{}))
			b.untilTaken()
		},
		mended: readsBack,
	},
	{
		title: "an install is interrupted",
		breaks: func(b *brokenStore) {
			b.interrupted("install", `backend="localPath"`, `provisioning="dynamic"`, `storageClassName="standard"`, `size="1Gi"`)
		},
		id: "release-pending", says: []string{"the release is pending-install (revision 1)", "All of its claims and volumes exist"}, note: true,
		mended: func(b *brokenStore) {
			b.train("trainer", nil)
			b.bound(release)
			b.upgraded()
		},
	},
	{
		title: "an upgrade is interrupted",
		breaks: func(b *brokenStore) {
			values := []string{`backend="localPath"`, `provisioning="dynamic"`, `storageClassName="standard"`, `size="1Gi"`, `keep=false`}
			b.install(values...)
			b.interrupted("upgrade", append(values, `commonLabels={"second":"yes"}`)...)
		},
		id: "release-pending", says: []string{"the release is pending-upgrade (revision 2)"}, note: true,
		mended: func(b *brokenStore) {
			b.train("trainer", nil)
			claim, _ := b.bound(release)
			assert.Equal(b.t, "yes", claim.Labels["second"])
			b.upgraded()
		},
	},
}

// refused installs values that the API server refuses.
func (b *brokenStore) refused(values ...string) {
	b.t.Helper()
	args := []string{release, charts.Chart()}
	for _, v := range values {
		args = append(args, "--set-json", v)
	}
	out, err := b.tryHelm("install", args...)
	require.Error(b.t, err, out)
}

func (b *brokenStore) quota(what, much string) {
	b.t.Helper()
	hard := corev1.ResourceList{corev1.ResourceName(what): resource.MustParse(much)}
	_, err := b.client.CoreV1().ResourceQuotas(b.ns).Create(b.t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "small"}, Spec: corev1.ResourceQuotaSpec{Hard: hard},
	}, create)
	require.NoError(b.t, err)
	// A quota applies only once its controller has counted the existing objects.
	counted := b.until(patience, func() bool {
		quota, err := b.client.CoreV1().ResourceQuotas(b.ns).Get(b.t.Context(), "small", getOptions)
		return err == nil && len(quota.Status.Hard) > 0
	})
	require.True(b.t, counted)
}

// job creates a Job that trains on the claim.
func (b *brokenStore) job(change func(*corev1.PodSpec)) {
	b.t.Helper()
	_, err := b.client.BatchV1().Jobs(b.ns).Create(b.t.Context(), &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "train"},
		Spec:       batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: b.pod("train", change, "sleep 3600").Spec}},
	}, create)
	require.NoError(b.t, err)
}

func (b *brokenStore) here() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": b.ns}}
}

func claimsMade() []admissionv1.RuleWithOperations {
	return []admissionv1.RuleWithOperations{{
		Operations: []admissionv1.OperationType{admissionv1.Create},
		Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"persistentvolumeclaims"}},
	}}
}

// policy creates an admission policy that refuses every claim of the namespace, and waits until it applies.
func (b *brokenStore) policy() {
	b.t.Helper()
	b.t.Cleanup(b.removePolicy)
	b.removePolicy()
	api := b.client.AdmissionregistrationV1()
	rules := claimsMade()
	_, err := api.ValidatingAdmissionPolicies().Create(b.t.Context(), &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: b.ns},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: rules[0]}}},
			Validations:      []admissionv1.Validation{{Expression: "false", Message: "claims need a cost centre"}},
		},
	}, create)
	require.NoError(b.t, err)
	_, err = api.ValidatingAdmissionPolicyBindings().Create(b.t.Context(), &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: b.ns},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: b.ns, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny}, MatchResources: &admissionv1.MatchResources{NamespaceSelector: b.here()},
		},
	}, create)
	require.NoError(b.t, err)
	b.untilRefused("cost centre")
}

// untilRefused waits until a claim would be refused with these words: admission changes take effect with a delay.
func (b *brokenStore) untilRefused(words string) {
	b.t.Helper()
	var err error
	refused := b.until(patience, func() bool {
		_, err = b.client.CoreV1().PersistentVolumeClaims(b.ns).Create(b.t.Context(), b.claim("probe", ""), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err != nil && strings.Contains(err.Error(), words)
	})
	require.True(b.t, refused, "%v", err)
}

func (b *brokenStore) removePolicy() {
	ctx, api := cleanup(b.t), b.client.AdmissionregistrationV1()
	for _, err := range []error{
		api.ValidatingAdmissionPolicyBindings().Delete(ctx, b.ns, metav1.DeleteOptions{}),
		api.ValidatingAdmissionPolicies().Delete(ctx, b.ns, metav1.DeleteOptions{}),
		api.ValidatingWebhookConfigurations().Delete(ctx, b.ns, metav1.DeleteOptions{}),
	} {
		require.True(b.t, err == nil || apierrors.IsNotFound(err), "%v", err)
	}
}

// withoutPolicy deletes the policy and waits until it no longer applies.
func (b *brokenStore) withoutPolicy() {
	b.t.Helper()
	b.removePolicy()
	b.untilTaken()
}

// untilTaken waits until a claim would be admitted again.
func (b *brokenStore) untilTaken() {
	b.t.Helper()
	var err error
	taken := b.until(patience, func() bool {
		_, err = b.client.CoreV1().PersistentVolumeClaims(b.ns).Create(b.t.Context(), b.claim("probe", ""), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err == nil
	})
	require.True(b.t, taken, "%v", err)
}

// interrupted starts Helm with --wait for a claim that stays Pending, and kills it.
func (b *brokenStore) interrupted(command string, values ...string) {
	b.t.Helper()
	args := []string{command, release, charts.Chart(), "--namespace", b.ns, "--kubeconfig", b.kubeconfig, "--wait", "--timeout", "10m"}
	for _, v := range values {
		args = append(args, "--set-json", v)
	}
	helm := exec.CommandContext(b.t.Context(), "helm", args...)
	require.NoError(b.t, helm.Start())
	made := b.until(patience, func() bool {
		claim, err := b.client.CoreV1().PersistentVolumeClaims(b.ns).Get(b.t.Context(), release, getOptions)
		return err == nil && (command == "install" || claim.Labels["second"] == "yes")
	})
	require.NoError(b.t, helm.Process.Kill())
	_ = helm.Wait()
	require.True(b.t, made, "Helm has made nothing")
}
