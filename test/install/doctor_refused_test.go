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

// ailmentsOfRefusals are objects that the API server, or Helm, did not let come to be.
var ailmentsOfRefusals = []ailment{
	{
		title: "a quota refuses the claim",
		breaks: func(w *ward) {
			w.makeDir()
			w.quota("requests.storage", "100Mi")
			w.refused(w.onFirst("hostPath")...)
		},
		id: "quota-exceeded", says: []string{"the ResourceQuota small of namespace $NS refuses", "requests.storage=1Gi asked for", "requests.storage=100Mi allowed"},
		mended: readsBack,
	},
	{
		title: "a quota refuses the pods",
		breaks: func(w *ward) {
			w.static()
			w.quota("pods", "0")
			w.job(nil)
		},
		id: "quota-exceeded", says: []string{"the ResourceQuota small of namespace $NS refuses the pods of job train", "pods=0 allowed"},
		// The Job tries again by itself.
		mended: (*ward).healthy,
	},
	{
		title: "Pod Security refuses the pods", profile: "restricted",
		breaks: func(w *ward) {
			w.static()
			w.job(nil)
		},
		id: "pod-security", says: []string{"profile restricted:latest of namespace $NS refuses the pods of job train", "runAsNonRoot"},
		repair: func(w *ward) {
			w.kubectl("delete job train")
			w.job(func(spec *corev1.PodSpec) {
				spec.SecurityContext = &corev1.PodSecurityContext{
					RunAsUser: ptr.To(int64(1000)), RunAsNonRoot: ptr.To(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
				}
				spec.Containers[0].SecurityContext = &corev1.SecurityContext{
					AllowPrivilegeEscalation: ptr.To(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				}
			})
		},
		mended: (*ward).healthy,
	},
	{
		title: "an admission policy refuses the claim",
		breaks: func(w *ward) {
			w.makeDir()
			w.policy()
			w.refused(w.onFirst("hostPath")...)
		},
		id: "policy-denied", says: []string{"the ValidatingAdmissionPolicy $NS", "refuses the release's persistentvolumeclaim checkpoints", "claims need a cost centre"},
		at: "then install what is missing", meanwhile: (*ward).withoutPolicy, mended: readsBack,
	},
	{
		title: "an admission webhook does not answer",
		breaks: func(w *ward) {
			w.makeDir()
			w.webhook(nil)
			w.untilRefused("failed calling webhook")
			w.refused(w.onFirst("hostPath")...)
		},
		id: "webhook-unreachable", says: []string{"the admission webhook claims.example.com", "does not answer"},
		at: "then install what is missing", meanwhile: (*ward).withoutPolicy, mended: readsBack,
	},
	{
		title: "an admission webhook refuses the claim",
		breaks: func(w *ward) {
			w.makeDir()
			w.webhook(w.serveWebhook())
			w.untilRefused("denied the request")
			w.refused(w.onFirst("hostPath")...)
		},
		id: "webhook-denied", says: []string{"the admission webhook claims.example.com refuses", "claims need a cost centre"},
		at: "then install what is missing", meanwhile: (*ward).withoutPolicy, mended: readsBack,
	},
	{
		title: "the volume's name belongs to another release",
		breaks: func(w *ward) {
			// Names that the chart gives never meet; one that somebody chose can be anything.
			other := newWard(w.t, w.cluster, ailment{title: "the volume"}, byHand)
			other.release = "theirs"
			other.install(fmt.Sprintf("volume.name=%q", w.ns+"."+release))
			out, err := w.tryHelm("install", release, charts.Chart())
			require.Error(w.t, err, out)
		},
		id: "volume-name-taken", says: []string{"belongs to release theirs of namespace doctor-the-volume", "Volumes have no namespace"},
		words: func(w *ward) map[string]string {
			file := filepath.Join(w.t.TempDir(), "values.yaml")
			require.NoError(w.t, os.WriteFile(file, []byte("size: 1Gi\n"), 0o600))
			return map[string]string{"VALUES": file}
		},
		mended: isBound,
	},
	{
		title: "a limit that the doctor does not know refuses the claim",
		breaks: func(w *ward) {
			w.makeDir()
			_, err := w.client.CoreV1().LimitRanges(w.ns).Create(w.t.Context(), &corev1.LimitRange{
				ObjectMeta: metav1.ObjectMeta{Name: "small"},
				Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
					Type: corev1.LimitTypePersistentVolumeClaim, Max: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("100Mi")},
				}}},
			}, create)
			require.NoError(w.t, err)
			w.untilRefused("maximum storage usage")
			w.refused(w.onFirst("hostPath")...)
		},
		id: "release-failed", says: []string{"(revision 1) ended as failed"},
		at: "once the reason is gone", meanwhile: func(w *ward) {
			require.NoError(w.t, w.client.CoreV1().LimitRanges(w.ns).Delete(w.t.Context(), "small", metav1.DeleteOptions{}))
			w.untilTaken()
		},
		mended: readsBack,
	},
	{
		title: "an install is broken off",
		breaks: func(w *ward) {
			w.brokenOff("install", `backend="localPath"`, `provisioning="dynamic"`, `storageClassName="standard"`, `size="1Gi"`)
		},
		id: "release-pending", says: []string{"the release is pending-install (revision 1)", "All that it was to make is there"}, note: true,
		mended: func(w *ward) {
			w.train("trainer", nil)
			w.bound(release)
			w.upgraded()
		},
	},
	{
		title: "an upgrade is broken off",
		breaks: func(w *ward) {
			values := []string{`backend="localPath"`, `provisioning="dynamic"`, `storageClassName="standard"`, `size="1Gi"`, `keep=false`}
			w.install(values...)
			w.brokenOff("upgrade", append(values, `commonLabels={"second":"yes"}`)...)
		},
		id: "release-pending", says: []string{"the release is pending-upgrade (revision 2)"}, note: true,
		mended: func(w *ward) {
			w.train("trainer", nil)
			claim, _ := w.bound(release)
			assert.Equal(w.t, "yes", claim.Labels["second"])
			w.upgraded()
		},
	},
}

// refused installs what the API server does not take.
func (w *ward) refused(values ...string) {
	w.t.Helper()
	args := []string{release, charts.Chart()}
	for _, v := range values {
		args = append(args, "--set-json", v)
	}
	out, err := w.tryHelm("install", args...)
	require.Error(w.t, err, out)
}

func (w *ward) quota(what, much string) {
	w.t.Helper()
	hard := corev1.ResourceList{corev1.ResourceName(what): resource.MustParse(much)}
	_, err := w.client.CoreV1().ResourceQuotas(w.ns).Create(w.t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "small"}, Spec: corev1.ResourceQuotaSpec{Hard: hard},
	}, create)
	require.NoError(w.t, err)
	// It counts only once somebody has counted what is there.
	counted := w.until(patience, func() bool {
		quota, err := w.client.CoreV1().ResourceQuotas(w.ns).Get(w.t.Context(), "small", getOptions)
		return err == nil && len(quota.Status.Hard) > 0
	})
	require.True(w.t, counted)
}

// job makes a Job that would train on the claim.
func (w *ward) job(change func(*corev1.PodSpec)) {
	w.t.Helper()
	_, err := w.client.BatchV1().Jobs(w.ns).Create(w.t.Context(), &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "train"},
		Spec:       batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: w.pod("train", change, "sleep 3600").Spec}},
	}, create)
	require.NoError(w.t, err)
}

func (w *ward) here() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": w.ns}}
}

func claimsMade() []admissionv1.RuleWithOperations {
	return []admissionv1.RuleWithOperations{{
		Operations: []admissionv1.OperationType{admissionv1.Create},
		Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"persistentvolumeclaims"}},
	}}
}

// policy lets no claim come to be in the namespace, and waits until that is so.
func (w *ward) policy() {
	w.t.Helper()
	w.t.Cleanup(w.removePolicy)
	w.removePolicy()
	api := w.client.AdmissionregistrationV1()
	rules := claimsMade()
	_, err := api.ValidatingAdmissionPolicies().Create(w.t.Context(), &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: w.ns},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: rules[0]}}},
			Validations:      []admissionv1.Validation{{Expression: "false", Message: "claims need a cost centre"}},
		},
	}, create)
	require.NoError(w.t, err)
	_, err = api.ValidatingAdmissionPolicyBindings().Create(w.t.Context(), &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: w.ns},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: w.ns, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny}, MatchResources: &admissionv1.MatchResources{NamespaceSelector: w.here()},
		},
	}, create)
	require.NoError(w.t, err)
	w.untilRefused("cost centre")
}

// untilRefused waits until a claim would be refused in these words: what the API server admits by, it learns with a delay.
func (w *ward) untilRefused(words string) {
	w.t.Helper()
	var err error
	refused := w.until(patience, func() bool {
		_, err = w.client.CoreV1().PersistentVolumeClaims(w.ns).Create(w.t.Context(), w.claim("probe", ""), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err != nil && strings.Contains(err.Error(), words)
	})
	require.True(w.t, refused, "%v", err)
}

func (w *ward) removePolicy() {
	ctx, api := cleanup(w.t), w.client.AdmissionregistrationV1()
	for _, err := range []error{
		api.ValidatingAdmissionPolicyBindings().Delete(ctx, w.ns, metav1.DeleteOptions{}),
		api.ValidatingAdmissionPolicies().Delete(ctx, w.ns, metav1.DeleteOptions{}),
		api.ValidatingWebhookConfigurations().Delete(ctx, w.ns, metav1.DeleteOptions{}),
	} {
		require.True(w.t, err == nil || apierrors.IsNotFound(err), "%v", err)
	}
}

// withoutPolicy has the administrator take the policy away; the API server forgets it a while later.
func (w *ward) withoutPolicy() {
	w.t.Helper()
	w.removePolicy()
	w.untilTaken()
}

// untilTaken waits until a claim would no longer be refused.
func (w *ward) untilTaken() {
	w.t.Helper()
	var err error
	taken := w.until(patience, func() bool {
		_, err = w.client.CoreV1().PersistentVolumeClaims(w.ns).Create(w.t.Context(), w.claim("probe", ""), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err == nil
	})
	require.True(w.t, taken, "%v", err)
}

// brokenOff has Helm wait for what does not come, and ends it before it is done.
func (w *ward) brokenOff(command string, values ...string) {
	w.t.Helper()
	args := []string{command, release, charts.Chart(), "--namespace", w.ns, "--kubeconfig", w.kubeconfig, "--wait", "--timeout", "10m"}
	for _, v := range values {
		args = append(args, "--set-json", v)
	}
	helm := exec.CommandContext(w.t.Context(), "helm", args...)
	require.NoError(w.t, helm.Start())
	made := w.until(patience, func() bool {
		claim, err := w.client.CoreV1().PersistentVolumeClaims(w.ns).Get(w.t.Context(), release, getOptions)
		return err == nil && (command == "install" || claim.Labels["second"] == "yes")
	})
	require.NoError(w.t, helm.Process.Kill())
	_ = helm.Wait()
	require.True(w.t, made, "Helm has made nothing")
}
