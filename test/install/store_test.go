package install

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"

	"github.com/gruntwork-io/terratest/modules/helm"
	"github.com/gruntwork-io/terratest/modules/k8s"
	"github.com/gruntwork-io/terratest/modules/logger"
	"github.com/gruntwork-io/terratest/modules/shell"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"
)

const (
	release = "checkpoints"
	// patience is how long anything on the cluster may take: seconds on an idle machine, where the cluster
	// looks at what does not bind every 15, and more on the emulated node.
	patience = 4 * time.Minute
	// interval is how long a test waits before it looks again. Twenty tests look at one API server, and on a machine of two
	// cores their looking would take a third of it.
	interval = 750 * time.Millisecond
)

// store is one release of the chart in its own namespace.
type store struct {
	t       *testing.T
	cluster cluster.Cluster
	client  *kubernetes.Clientset
	options *helm.Options
	ns      string
	// program is the Helm that the release is Helm's of: "" for Helm 3.
	program string
	// validates says that Helm looks at the types of what it installs, as it does for users.
	validates bool
	// hooks are the release's, where its install has reported them.
	hooks []string
}

// newStore makes the namespace, under the restricted Pod Security profile unless privileged is needed to write at all,
// and removes everything when the test ends.
func newStore(t *testing.T, ns, profile string, valuesFiles ...string) *store {
	t.Helper()
	return newStoreOn(t, cluster.Open(t), ns, profile, valuesFiles...)
}

func newStoreOn(t *testing.T, c cluster.Cluster, ns, profile string, valuesFiles ...string) *store {
	t.Helper()
	kubectl := k8s.NewKubectlOptions("", c.Kubeconfig(), ns)
	kubectl.Logger = logger.Discard
	client, err := k8s.GetKubernetesClientFromOptionsContextE(t, t.Context(), kubectl)
	require.NoError(t, err)
	s := &store{t: t, cluster: c, client: client, ns: ns, options: &helm.Options{
		KubectlOptions: kubectl, ValuesFiles: valuesFiles, Logger: logger.Discard,
	}}
	s.remove()
	t.Cleanup(s.remove)
	_, err = client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: ns, Labels: map[string]string{"pod-security.kubernetes.io/enforce": profile},
	}}, metav1.CreateOptions{})
	require.NoError(t, err)
	// The API server refuses pods of a namespace that has no account for them yet.
	require.True(t, s.until(patience, func() bool {
		_, err := client.CoreV1().ServiceAccounts(ns).Get(t.Context(), "default", metav1.GetOptions{})
		return err == nil
	}), "namespace %s gets no account: kube-controller-manager does not work", ns)
	return s
}

// remove deletes the namespace and the volumes that were bound to claims in it, whether or not a run before this one
// left them there.
func (s *store) remove() {
	// The test's own context has ended when this runs as cleanup.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), patience)
	defer cancel()
	now, background := int64(0), metav1.DeletePropagationBackground
	// A Job would go on making pods, and holding on to those it made.
	_ = s.client.BatchV1().Jobs(s.ns).DeleteCollection(ctx, metav1.DeleteOptions{PropagationPolicy: &background}, metav1.ListOptions{})
	_ = s.client.CoreV1().Pods(s.ns).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{})
	_ = s.client.CoreV1().Namespaces().Delete(ctx, s.ns, metav1.DeleteOptions{})
	volumes, err := s.client.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{})
	require.NoError(s.t, err)
	for _, v := range volumes.Items {
		if v.Spec.ClaimRef != nil && v.Spec.ClaimRef.Namespace == s.ns {
			_ = s.client.CoreV1().PersistentVolumes().Delete(ctx, v.Name, metav1.DeleteOptions{})
		}
	}
	var last *corev1.Namespace
	for ctx.Err() == nil {
		namespace, err := s.client.CoreV1().Namespaces().Get(ctx, s.ns, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return
		}
		if err == nil {
			last = namespace
		}
		time.Sleep(interval)
	}
	s.t.Errorf("namespace %s does not go away: %+v", s.ns, last)
}

// helm runs a Helm command on the release and fails the test when Helm fails.
func (s *store) helm(command string, args ...string) string {
	s.t.Helper()
	out, err := s.tryHelm(command, args...)
	require.NoError(s.t, err, out)
	return out
}

// tryHelm runs a Helm command and returns what it wrote to its output and then what it wrote to its error output, where
// the logs of a test's pods go. Between the two there is no order: which line came first is for the reader's scheduler.
//
// The API server refuses what it does not know; Helm's own look at the types before, which TestDefaults leaves on, downloads
// the cluster's whole API each time and takes nearly half of an install.
func (s *store) tryHelm(command string, args ...string) (string, error) {
	if !s.validates && (command == "install" || command == "upgrade") {
		args = append(args, "--disable-openapi-validation")
	}
	prepared := helm.PrepareHelmCommand(s.options, command, append(args, "--namespace", s.ns)...)
	if s.program != "" {
		prepared.Command = s.program
	}
	out, messages, err := shell.RunCommandContextAndGetStdOutErrE(s.t, s.t.Context(), prepared)
	// Terratest returns lines without the end of the last.
	return out + "\n" + messages + "\n", err
}

// helmAs is a folder in which the store's Helm has a name, for a shell.
func (s *store) helmAs(name string) string {
	s.t.Helper()
	program, err := exec.LookPath(cmp.Or(s.program, "helm"))
	require.NoError(s.t, err)
	dir := s.t.TempDir()
	require.NoError(s.t, os.Symlink(program, filepath.Join(dir, name)))
	return dir
}

// install installs the chart. It waits for the claim unless the claim itself waits for its first pod.
func (s *store) install(args ...string) {
	s.t.Helper()
	args = append([]string{release, charts.Chart()}, args...)
	for _, file := range s.options.ValuesFiles {
		args = append(args, "--values", file)
	}
	s.helm("install", args...)
}

// pod returns a pod such as the chart itself tests the claim with: mounted as the chart's templates say, under the
// security context that the chart gives. What it runs, and where, is for the caller to say.
func (s *store) pod(name, script string) *corev1.Pod {
	s.t.Helper()
	hooks := s.hooks
	if hooks == nil {
		hooks = strings.Split(s.helm("get", "hooks", release), "\n---")
	}
	for _, text := range hooks {
		job := &batchv1.Job{}
		require.NoError(s.t, yaml.Unmarshal([]byte(text), job))
		if job.Kind != "Job" {
			continue
		}
		spec := job.Spec.Template.Spec
		// What is there for the chart's own script: the ConfigMap with it, and where its two pods meet.
		spec.Affinity, spec.ActiveDeadlineSeconds = nil, nil
		spec.Volumes = spec.Volumes[:1]
		container := &spec.Containers[0]
		container.VolumeMounts = slices.DeleteFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name != spec.Volumes[0].Name })
		container.Env, container.Command = nil, []string{"sh", "-c", script}
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.ns, Annotations: job.Spec.Template.Annotations},
			Spec:       spec,
		}
	}
	s.t.Fatal("the release has no test")
	return nil
}

// create creates a pod, and does not wait for it.
func (s *store) create(pod *corev1.Pod) {
	s.t.Helper()
	_, err := s.client.CoreV1().Pods(s.ns).Create(s.t.Context(), pod, metav1.CreateOptions{})
	require.NoError(s.t, err)
}

// start creates a pod, waits until it has run far enough to print the word, and returns what it printed.
func (s *store) start(pod *corev1.Pod, word string) string {
	s.t.Helper()
	var log []byte
	s.create(pod)
	phase := corev1.PodPending
	started := s.until(patience, func() bool {
		got, err := s.client.CoreV1().Pods(s.ns).Get(s.t.Context(), pod.Name, metav1.GetOptions{})
		if err != nil || got.Status.Phase == corev1.PodPending || s.madeAgain(got) {
			return false
		}
		phase = got.Status.Phase
		log, _ = s.client.CoreV1().Pods(s.ns).GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(s.t.Context())
		return phase == corev1.PodFailed || strings.Contains(string(log), word)
	})
	require.True(s.t, started && phase != corev1.PodFailed, "pod %s is %s: %s\n%s", pod.Name, phase, log, s.events(pod.Name))
	return string(log)
}

// allDone is the last thing that a pod says which runs to its end.
const allDone = "all done"

// launch creates a pod that is to run its script to the end, for succeeded to wait for. What the script prints, up to 4096
// bytes, becomes the message that the container ends with, in its status: on a busy node a container that ends at once may
// leave an empty log.
func (s *store) launch(pod *corev1.Pod) {
	s.t.Helper()
	pod = pod.DeepCopy()
	command := pod.Spec.Containers[0].Command
	require.Equal(s.t, []string{"sh", "-c"}, command[:2])
	command[2] = "set -eu\nexec >/dev/termination-log 2>&1\n" + command[2] + "\necho " + allDone
	s.create(pod)
}

// succeeded waits until a launched pod has done all that it was to do, and returns what it printed. The container's end
// counts, not the pod's: on a slow node that comes a while later.
func (s *store) succeeded(name string) string {
	s.t.Helper()
	var ended *corev1.ContainerStateTerminated
	good := func() bool { return ended != nil && ended.ExitCode == 0 }
	s.until(patience, func() bool {
		pod, err := s.client.CoreV1().Pods(s.ns).Get(s.t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return false
		}
		ended = terminated(pod)
		return !s.madeAgain(pod) && (good() || pod.Status.Phase == corev1.PodFailed)
	})
	require.True(s.t, good(), "pod %s: %+v\n%s", name, ended, s.events(name))
	said, whole := strings.CutSuffix(ended.Message, allDone+"\n")
	require.True(s.t, whole, "pod %s has not run its script to the end: %q", name, ended.Message)
	return said
}

// madeAgain makes a pod again that failed before anything in it ran, and says whether it was one: a busy node may fail to
// start a container, which says nothing about storage.
func (s *store) madeAgain(pod *corev1.Pod) bool {
	s.t.Helper()
	ended := terminated(pod)
	if pod.Status.Phase != corev1.PodFailed || ended == nil || ended.Reason != "StartError" {
		return false
	}
	s.t.Logf("pod %s could not be started, and is made again: %s", pod.Name, s.events(pod.Name))
	s.kill(pod.Name)
	s.create(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Labels: pod.Labels, Annotations: pod.Annotations}, Spec: pod.Spec})
	return true
}

// terminated is how a pod's container ended, or nil.
func terminated(pod *corev1.Pod) *corev1.ContainerStateTerminated {
	if len(pod.Status.ContainerStatuses) == 0 {
		return nil
	}
	return pod.Status.ContainerStatuses[0].State.Terminated
}

// kill deletes a pod and waits until its containers are gone; what it runs gets no chance to finish.
func (s *store) kill(name string) {
	s.t.Helper()
	second := int64(1)
	require.NoError(s.t, s.client.CoreV1().Pods(s.ns).Delete(s.t.Context(), name, metav1.DeleteOptions{GracePeriodSeconds: &second}))
	require.Eventually(s.t, func() bool {
		_, err := s.client.CoreV1().Pods(s.ns).Get(s.t.Context(), name, metav1.GetOptions{})
		return err != nil
	}, patience, interval, "pod %s does not go away", name)
}

// until asks again and again until something is so, or the time is up, and returns whether it was.
func (s *store) until(patience time.Duration, so func() bool) bool {
	for deadline := time.Now().Add(patience); !so(); time.Sleep(interval) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// events says what the cluster reports about an object, for a failure message.
func (s *store) events(name string) string {
	list, err := s.client.CoreV1().Events(s.ns).List(s.t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.name=" + name})
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, e := range list.Items {
		out = append(out, e.Reason+": "+e.Message)
	}
	return strings.Join(out, "; ")
}

// bound waits until the claim is Bound, checks that volume and claim name each other, and returns both.
func (s *store) bound(claim string) (*corev1.PersistentVolumeClaim, *corev1.PersistentVolume) {
	s.t.Helper()
	var pvc *corev1.PersistentVolumeClaim
	bound := s.until(patience, func() bool {
		var err error
		pvc, err = s.client.CoreV1().PersistentVolumeClaims(s.ns).Get(s.t.Context(), claim, metav1.GetOptions{})
		return err == nil && pvc.Status.Phase == corev1.ClaimBound
	})
	require.True(s.t, bound, "claim %s is not bound: %s", claim, s.events(claim))
	pv, err := s.client.CoreV1().PersistentVolumes().Get(s.t.Context(), pvc.Spec.VolumeName, metav1.GetOptions{})
	require.NoError(s.t, err)
	assert.Equal(s.t, pvc.UID, pv.Spec.ClaimRef.UID)
	assert.Equal(s.t, pv.Spec.StorageClassName, *pvc.Spec.StorageClassName)
	return pvc, pv
}

// claimUID returns the claim's identity, or "" when there is no such claim.
func (s *store) claimUID(claim string) types.UID {
	pvc, err := s.client.CoreV1().PersistentVolumeClaims(s.ns).Get(s.t.Context(), claim, metav1.GetOptions{})
	if err != nil {
		return ""
	}
	return pvc.UID
}

// claimOfOthers makes a claim that is not the chart's, on the cluster's default class.
func (s *store) claimOfOthers(name string) {
	s.t.Helper()
	_, err := s.client.CoreV1().PersistentVolumeClaims(s.ns).Create(s.t.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}, metav1.CreateOptions{})
	require.NoError(s.t, err)
}

// template renders the chart with a values file.
func template(t *testing.T, values string, args ...string) string {
	t.Helper()
	args = append([]string{release, charts.Chart(), "--values", values}, args...)
	out, err := helm.RunHelmCommandAndGetStdOutContextE(t, t.Context(), &helm.Options{Logger: logger.Discard}, "template", args...)
	require.NoError(t, err)
	return out
}
