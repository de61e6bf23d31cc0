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

// TestDoctorRights checks that the rights to view the namespace and to list PersistentVolumes are enough for the cause, that
// unreadable resources are listed, and that --fix without rights changes nothing and says so.
func TestDoctorRights(t *testing.T) {
	t.Parallel()
	b := newBrokenStore(t, cluster.Open(t), scenario{title: "rights"}, byHand)
	b.static()
	b.kubeconfig = b.viewer("on-call@example.com")
	code, report := b.doctor()
	assert.Equal(t, 0, code, "%v", report)
	assert.True(t, report.Healthy)
	var unread []string
	for _, u := range report.Unread {
		unread = append(unread, u.Resource)
		assert.Contains(t, u.Why, "on-call@example.com")
	}
	assert.Equal(t, []string{"secrets", "storageclasses", "csidrivers", "csinodes", "volumeattachments", "nodes"}, unread)

	b.deleteClaim()
	b.diagnosed("claim-deleted")
	b.helm("upgrade", release, charts.Chart(), "--reuse-values")
	d := b.diagnosed("volume-released")
	assert.True(t, d.Safe)
	before, err := b.client.CoreV1().PersistentVolumes().Get(t.Context(), b.ns+"."+release, getOptions)
	require.NoError(t, err)
	code, report = b.doctor("--fix")
	assert.Equal(t, 2, code)
	assert.Contains(t, report.Diagnoses[0].Cause, "forbidden")
	after, err := b.client.CoreV1().PersistentVolumes().Get(t.Context(), b.ns+"."+release, getOptions)
	require.NoError(t, err)
	assert.Equal(t, before.Spec, after.Spec)
}

// viewer returns the kubeconfig of a user who may view the namespace and list PersistentVolumes.
func (b *brokenStore) viewer(name string) string {
	b.t.Helper()
	rbac := b.client.RbacV1()
	remove := func() {
		for _, err := range []error{
			rbac.ClusterRoleBindings().Delete(cleanup(b.t), b.ns, metav1.DeleteOptions{}), rbac.ClusterRoles().Delete(cleanup(b.t), b.ns, metav1.DeleteOptions{}),
		} {
			require.True(b.t, err == nil || apierrors.IsNotFound(err), "%v", err)
		}
	}
	remove()
	b.t.Cleanup(remove)
	subjects := []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}}
	role := func(name string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}
	}
	_, err := rbac.ClusterRoles().Create(b.t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: b.ns}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"persistentvolumes"}, Verbs: []string{"list"}},
	}}, create)
	require.NoError(b.t, err)
	_, err = rbac.ClusterRoleBindings().Create(b.t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: b.ns}, Subjects: subjects, RoleRef: role(b.ns)}, create)
	require.NoError(b.t, err)
	_, err = rbac.RoleBindings(b.ns).Create(b.t.Context(), &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "view"}, Subjects: subjects, RoleRef: role("view")}, create)
	require.NoError(b.t, err)

	config, err := clientcmd.LoadFromFile(b.cluster.Kubeconfig())
	require.NoError(b.t, err)
	for _, user := range config.AuthInfos {
		user.Impersonate = name
	}
	file := filepath.Join(b.t.TempDir(), "kubeconfig")
	require.NoError(b.t, clientcmd.WriteToFile(*config, file))
	require.NoError(b.t, os.Chmod(file, 0o600))
	return file
}
