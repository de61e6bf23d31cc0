package install

import (
	"os"
	"path/filepath"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/gruntwork-io/terratest/modules/helm"
	"github.com/gruntwork-io/terratest/modules/k8s"
	"github.com/gruntwork-io/terratest/modules/logger"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
)

// TestRights checks what a user who can edit only a namespace can do with the chart, what an administrator of volumes has to
// do for them, and that neither needs further rights.
func TestRights(t *testing.T) {
	t.Parallel()
	const volumes = "rights-volumes"
	s := newStore(t, "rights", "restricted")
	admins := newStore(t, volumes, "restricted")
	tenant := s.as("tenant", rbacv1.RoleRef{Kind: "ClusterRole", Name: "edit"}, false)
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: volumes}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"persistentvolumes"}, Verbs: []string{"get", "create", "patch"}},
		// Helm's release storage.
		{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get", "list", "create", "update", "delete"}},
	}}
	_ = s.client.RbacV1().ClusterRoles().Delete(t.Context(), volumes, metav1.DeleteOptions{})
	_, err := s.client.RbacV1().ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.client.RbacV1().ClusterRoles().Delete(cleanup(t), volumes, metav1.DeleteOptions{}) })
	admin := admins.as("administrator", rbacv1.RoleRef{Kind: "ClusterRole", Name: volumes}, true)

	// The tenant alone is refused the volume, and leaves no pending claim behind.
	out, err := tenant.tryHelm("install", release, charts.Chart())
	require.Error(t, err)
	assert.Contains(t, out, `cannot get resource "persistentvolumes"`)
	assert.Empty(t, s.claimUID(release))

	// Two releases, each with its own rights, bind to each other.
	run(t, s.cluster, "rm -rf /mnt/shared/rights; mkdir -p /mnt/shared/rights; chmod 1777 /mnt/shared/rights")
	store := []string{"--set-json", `hostPath={"path":"/mnt/shared/rights","sharedMount":true}`}
	admin.helm("install", append([]string{"train-volumes", charts.Chart(), "--set", "claim.create=false,namespaceOverride=rights,fullnameOverride=" + release}, store...)...)
	tenant.helm("install", append([]string{release, charts.Chart(), "--set", "volume.create=false", "--wait", "--timeout", "60s"}, store...)...)
	_, pv := s.bound(release)
	assert.Equal(t, "train-volumes", pv.Labels["app.kubernetes.io/instance"])
	assert.Contains(t, tenant.helm("test", release), "the claim can serve\n")
	// Neither can delete the other's part.
	tenant.helm("uninstall", release, "--wait")
	admin.helm("uninstall", "train-volumes", "--wait")
	s.bound(release)

	// A store without a volume of the tenant's own needs no administrator.
	tenant.helm("install", "dynamic", charts.Chart(), "--set", "provisioning=dynamic")
	tenant.helm("install", "existing", charts.Chart(), "--set", "provisioning=existing,claim.existing="+release)
	for _, name := range []string{"dynamic", "existing"} {
		tenant.helm("upgrade", name, charts.Chart(), "--reuse-values", "--set", "commonLabels.team=a")
		tenant.helm("uninstall", name, "--wait")
	}
}

// as returns the store as seen by a user with one role, in the store's namespace or cluster-wide.
func (s *store) as(user string, role rbacv1.RoleRef, everywhere bool) *store {
	s.t.Helper()
	ctx := s.t.Context()
	role.APIGroup = rbacv1.GroupName
	_, err := s.client.CoreV1().ServiceAccounts(s.ns).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: user}}, metav1.CreateOptions{})
	require.NoError(s.t, err)
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: user, Namespace: s.ns}}
	if everywhere {
		name := s.ns + "-" + user
		_ = s.client.RbacV1().ClusterRoleBindings().Delete(ctx, name, metav1.DeleteOptions{})
		_, err = s.client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: role, Subjects: subjects,
		}, metav1.CreateOptions{})
		s.t.Cleanup(func() {
			_ = s.client.RbacV1().ClusterRoleBindings().Delete(cleanup(s.t), name, metav1.DeleteOptions{})
		})
	} else {
		_, err = s.client.RbacV1().RoleBindings(s.ns).Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: user}, RoleRef: role, Subjects: subjects,
		}, metav1.CreateOptions{})
	}
	require.NoError(s.t, err)
	hour := int64(3600)
	token, err := s.client.CoreV1().ServiceAccounts(s.ns).CreateToken(ctx, user, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &hour},
	}, metav1.CreateOptions{})
	require.NoError(s.t, err)
	config, err := clientcmd.LoadFromFile(s.cluster.Kubeconfig())
	require.NoError(s.t, err)
	for _, auth := range config.AuthInfos {
		auth.ClientCertificateData, auth.ClientKeyData, auth.Token = nil, nil, token.Status.Token
	}
	file := filepath.Join(s.t.TempDir(), "kubeconfig")
	require.NoError(s.t, clientcmd.WriteToFile(*config, file))
	require.NoError(s.t, os.Chmod(file, 0o600))
	own := *s
	kubectl := k8s.NewKubectlOptions("", file, s.ns)
	kubectl.Logger = logger.Discard
	own.options = &helm.Options{KubectlOptions: kubectl, Logger: logger.Discard}
	return &own
}
