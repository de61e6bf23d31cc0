package render

import (
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
)

// strictCodecs refuses fields that the API does not have, as the API server does for kubectl and Helm 4.
var strictCodecs = serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict)
