package install

import (
	"os"
	"path/filepath"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
)

// TestDoctorRights holds that the right to view the namespace and to list PersistentVolumes is enough for the cause, that
// what may not be read is named, and that --fix without the right to it changes nothing and says so.
func TestDoctorRights(t *testing.T) {
	t.Parallel()
	w := newWard(t, cluster.Open(t), ailment{title: "rights"}, byHand)
	w.static()
	w.kubeconfig = w.viewer("on-call@example.com")
	code, report := w.doctor()
	assert.Equal(t, 0, code, "%v", report)
	assert.True(t, report.Healthy)
	var unread []string
	for _, u := range report.Unread {
		unread = append(unread, u.Resource)
		assert.Contains(t, u.Why, "on-call@example.com")
	}
	assert.Equal(t, []string{"secrets", "storageclasses", "csidrivers", "csinodes", "volumeattachments", "nodes"}, unread)

	w.deleteClaim()
	w.diagnosed("claim-deleted")
	w.helm("upgrade", release, charts.Chart(), "--reuse-values")
	d := w.diagnosed("volume-released")
	assert.True(t, d.Safe)
	before, err := w.client.CoreV1().PersistentVolumes().Get(t.Context(), w.ns+"."+release, getOptions)
	require.NoError(t, err)
	code, report = w.doctor("--fix")
	assert.Equal(t, 2, code)
	assert.Contains(t, report.Diagnoses[0].Cause, "forbidden")
	after, err := w.client.CoreV1().PersistentVolumes().Get(t.Context(), w.ns+"."+release, getOptions)
	require.NoError(t, err)
	assert.Equal(t, before.Spec, after.Spec)
}

// viewer is the kubeconfig of a user who may view the namespace, and list PersistentVolumes.
func (w *ward) viewer(name string) string {
	w.t.Helper()
	rbac := w.client.RbacV1()
	remove := func() {
		for _, err := range []error{
			rbac.ClusterRoleBindings().Delete(cleanup(w.t), w.ns, metav1.DeleteOptions{}), rbac.ClusterRoles().Delete(cleanup(w.t), w.ns, metav1.DeleteOptions{}),
		} {
			require.True(w.t, err == nil || apierrors.IsNotFound(err), "%v", err)
		}
	}
	remove()
	w.t.Cleanup(remove)
	subjects := []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}}
	role := func(name string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}
	}
	_, err := rbac.ClusterRoles().Create(w.t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: w.ns}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"persistentvolumes"}, Verbs: []string{"list"}},
	}}, create)
	require.NoError(w.t, err)
	_, err = rbac.ClusterRoleBindings().Create(w.t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: w.ns}, Subjects: subjects, RoleRef: role(w.ns)}, create)
	require.NoError(w.t, err)
	_, err = rbac.RoleBindings(w.ns).Create(w.t.Context(), &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "view"}, Subjects: subjects, RoleRef: role("view")}, create)
	require.NoError(w.t, err)

	config, err := clientcmd.LoadFromFile(w.cluster.Kubeconfig())
	require.NoError(w.t, err)
	for _, user := range config.AuthInfos {
		user.Impersonate = name
	}
	file := filepath.Join(w.t.TempDir(), "kubeconfig")
	require.NoError(w.t, clientcmd.WriteToFile(*config, file))
	require.NoError(w.t, os.Chmod(file, 0o600))
	return file
}
