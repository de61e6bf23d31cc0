package csi

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MakeSecret makes a secret for a driver, and its namespace, where they are not there yet. Both go with the installation.
func (i *Installation) MakeSecret(t *testing.T, ref *corev1.SecretReference) {
	t.Helper()
	_, err := i.client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{Name: ref.Namespace, Labels: i.labels()},
	}, metav1.CreateOptions{})
	require.True(t, err == nil || apierrors.IsAlreadyExists(err), err)
	_, err = i.client.CoreV1().Secrets(ref.Namespace).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: ref.Name, Labels: i.labels()}, StringData: SecretContent(ref),
	}, metav1.CreateOptions{})
	require.True(t, err == nil || apierrors.IsAlreadyExists(err), err)
}

// SecretContent is what is in such a secret: where it comes from.
func SecretContent(ref *corev1.SecretReference) map[string]string {
	return map[string]string{"from": ref.Namespace + "/" + ref.Name}
}

func (i *Installation) removeSecrets(ctx context.Context, t *testing.T) {
	t.Helper()
	secrets, err := i.client.CoreV1().Secrets(metav1.NamespaceAll).List(ctx, metav1.ListOptions{LabelSelector: i.selector()})
	require.NoError(t, err)
	for _, s := range secrets.Items {
		err := i.client.CoreV1().Secrets(s.Namespace).Delete(ctx, s.Name, metav1.DeleteOptions{})
		require.True(t, err == nil || apierrors.IsNotFound(err), err)
	}
	namespaces, err := i.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: i.selector()})
	require.NoError(t, err)
	for _, n := range namespaces.Items {
		err := i.client.CoreV1().Namespaces().Delete(ctx, n.Name, metav1.DeleteOptions{})
		require.True(t, err == nil || apierrors.IsNotFound(err), err)
	}
}
