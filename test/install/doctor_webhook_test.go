package install

import (
	"fmt"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/util/cert"
	"k8s.io/utils/ptr"
)

// webhook registers a validating webhook for the claims of the namespace; without a certificate its service does not exist.
func (b *brokenStore) webhook(certificate []byte) {
	b.t.Helper()
	b.t.Cleanup(b.removePolicy)
	b.removePolicy()
	_, err := b.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(b.t.Context(), &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: b.ns},
		Webhooks: []admissionv1.ValidatingWebhook{{
			Name: "claims.example.com", Rules: claimsMade(), NamespaceSelector: b.here(), AdmissionReviewVersions: []string{"v1"},
			SideEffects: ptr.To(admissionv1.SideEffectClassNone), FailurePolicy: ptr.To(admissionv1.Fail), TimeoutSeconds: ptr.To(int32(5)),
			ClientConfig: admissionv1.WebhookClientConfig{CABundle: certificate, Service: &admissionv1.ServiceReference{Namespace: b.ns, Name: "claims"}},
		}},
	}, create)
	require.NoError(b.t, err)
}

// refuseClaims is a webhook that refuses every claim.
const refuseClaims = `
import http.server, json, ssl

class Claims(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        review["response"] = {"uid": review.pop("request")["uid"], "allowed": False, "status": {"message": "claims need a cost centre"}}
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(review).encode())

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/etc/claims/tls.crt", "/etc/claims/tls.key")
server = http.server.ThreadingHTTPServer(("", 8443), Claims)
server.socket = context.wrap_socket(server.socket, server_side=True)
print("serving", flush=True)
server.serve_forever()
`

// serveWebhook runs refuseClaims in a pod, and returns its CA certificate.
func (b *brokenStore) serveWebhook() []byte {
	b.t.Helper()
	require.NotEmpty(b.t, b.cluster.Trainer(), "the cluster has no image with Python; `make trainer-image` makes it")
	certificate, key, err := cert.GenerateSelfSignedCertKey(fmt.Sprintf("claims.%s.svc", b.ns), nil, nil)
	require.NoError(b.t, err)
	core := b.client.CoreV1()
	_, err = core.Secrets(b.ns).Create(b.t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "claims"},
		Data:       map[string][]byte{"tls.crt": certificate, "tls.key": key, "claims.py": []byte(refuseClaims)},
	}, create)
	require.NoError(b.t, err)
	_, err = core.Services(b.ns).Create(b.t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "claims"},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "claims"}, Ports: []corev1.ServicePort{{Port: 443, TargetPort: intstr.FromInt32(8443)}}},
	}, create)
	require.NoError(b.t, err)
	pod := b.pod("claims", func(spec *corev1.PodSpec) {
		container := &spec.Containers[0]
		container.Image, container.Command = b.cluster.Trainer(), []string{"python3", "/etc/claims/claims.py"}
		container.VolumeMounts = []corev1.VolumeMount{{Name: "claims", MountPath: "/etc/claims"}}
		spec.Volumes = []corev1.Volume{{Name: "claims", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "claims"}}}}
	}, "")
	pod.Labels = map[string]string{"app": "claims"}
	b.start(pod, "serving")
	return certificate
}
