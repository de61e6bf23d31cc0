{{/* Generated from values.yaml and the backends' _schema.yaml by `make generate`; do not edit. */}}

{{- define "checkpoint-storage.defaults" -}}
{"accessModes":["ReadWriteOnce"],"backend":"hostPath","claim":{"annotations":{},"dataSourceRef":{},"existing":"","labels":{},"name":"","volumeAttributesClassName":""},"commonAnnotations":{},"commonLabels":{},"configMap":{"create":true,"name":""},"fullnameOverride":"","keep":true,"mountPath":"/checkpoints","nameOverride":"","namespaceOverride":"","podSecurityContext":{},"provisioning":"static","shardOverrides":[],"shards":0,"size":"10Gi","storageClass":{"allowVolumeExpansion":true,"create":false,"name":"","parameters":{},"provisioner":"","reclaimPolicy":"Retain","volumeBindingMode":""},"test":{"annotations":{},"enabled":true,"image":{"pullPolicy":"IfNotPresent","repository":"busybox","tag":"1.37.0"},"imagePullSecrets":[],"labels":{},"nodeSelector":{},"resources":{"limits":{"memory":"64Mi"},"requests":{"cpu":"10m","memory":"16Mi"}},"timeoutSeconds":120,"tolerations":[]},"volume":{"annotations":{},"labels":{},"name":"","nodeAffinity":{},"reclaimPolicy":"Retain"},"volumeMode":"Filesystem"}
{{- end }}

{{- define "checkpoint-storage.backend.csi.facts" -}}
{"accessModes":{"Block":["ReadWriteOnce","ReadWriteOncePod","ReadOnlyMany","ReadWriteMany"],"Filesystem":["ReadWriteOnce","ReadWriteOncePod","ReadOnlyMany","ReadWriteMany"]},"classRequired":["driver"],"defaults":{"readOnly":false},"driver":"","examples":{"driver":"nfs.csi.k8s.io","volumeHandle":"fs-0123456789"},"mountOptions":[],"mountOptionsSupported":true,"provisioning":["static","dynamic"],"required":["driver","volumeHandle"],"volumeAttributesClass":true,"why":""}
{{- end }}

{{- define "checkpoint-storage.backend.fc.facts" -}}
{"accessModes":{"Block":["ReadWriteOnce","ReadOnlyMany"],"Filesystem":["ReadWriteOnce","ReadOnlyMany"]},"classRequired":[],"defaults":{"fsType":"ext4","readOnly":false},"driver":"kubernetes.io/fc","examples":{},"mountOptions":["noatime"],"mountOptionsSupported":true,"provisioning":["static"],"required":[],"volumeAttributesClass":false,"why":"Kubernetes has no provisioner for Fibre Channel; use the array's CSI driver through the csi backend"}
{{- end }}

{{- define "checkpoint-storage.backend.hostPath.facts" -}}
{"accessModes":{"Filesystem":["ReadWriteOnce","ReadOnlyMany","ReadWriteMany"]},"classRequired":[],"defaults":{"sharedMount":false},"driver":"kubernetes.io/host-path","examples":{},"mountOptions":[],"mountOptionsSupported":false,"provisioning":["static","dynamic"],"required":[],"volumeAttributesClass":false,"why":""}
{{- end }}

{{- define "checkpoint-storage.backend.iscsi.facts" -}}
{"accessModes":{"Block":["ReadWriteOnce","ReadOnlyMany"],"Filesystem":["ReadWriteOnce","ReadOnlyMany"]},"classRequired":[],"defaults":{"chapAuthDiscovery":false,"chapAuthSession":false,"fsType":"ext4","readOnly":false},"driver":"kubernetes.io/iscsi","examples":{"iqn":"iqn.2026-01.com.example:checkpoints","lun":0,"targetPortal":"10.0.0.7:3260"},"mountOptions":["noatime"],"mountOptionsSupported":true,"provisioning":["static"],"required":["targetPortal","iqn","lun"],"volumeAttributesClass":false,"why":"Kubernetes has no provisioner for iSCSI; use the array's CSI driver through the csi backend"}
{{- end }}

{{- define "checkpoint-storage.backend.local.facts" -}}
{"accessModes":{"Block":["ReadWriteOnce"],"Filesystem":["ReadWriteOnce"]},"classRequired":[],"defaults":{},"driver":"kubernetes.io/no-provisioner","examples":{"path":"/mnt/disks/checkpoints"},"mountOptions":[],"mountOptionsSupported":true,"provisioning":["static"],"required":["path"],"volumeAttributesClass":false,"why":"nothing provisions local disks; make one volume per disk (shards), or use a CSI driver for node disks through the csi backend"}
{{- end }}

{{- define "checkpoint-storage.backend.nfs.facts" -}}
{"accessModes":{"Filesystem":["ReadWriteMany","ReadWriteOnce","ReadOnlyMany"]},"classRequired":[],"defaults":{"readOnly":false},"driver":"kubernetes.io/nfs","examples":{"path":"/export/checkpoints","server":"10.0.0.5"},"mountOptions":["nfsvers=4.1","hard","noatime","nconnect=4"],"mountOptionsSupported":true,"provisioning":["static"],"required":["server","path"],"volumeAttributesClass":false,"why":"the kubelet's own NFS has no provisioner; use the csi backend with an NFS driver, such as nfs.csi.k8s.io"}
{{- end }}
