{{/*
What the test pods run. The content is known beforehand to both (named after the revision), so the reader can tell a
wrong file from a right one without asking the writer.
*/}}

{{/* Inputs: dict "root" "claim". Outputs: the shell that both scripts begin with. */}}
{{- define "checkpoint-storage.test.head" -}}
set -eu
name={{ printf ".helm-test-%s-%d" .claim .root.Release.Revision | quote }}
content() { yes "$name" | head -c 1048576; }
sum() { sha256sum | cut -d ' ' -f 1; }
die() { echo "FAILED: $*" >&2; exit 1; }
want=$(content | sum)
cd {{ .root.Values.mountPath | quote }} || die "the claim is not mounted"
{{- end }}

{{- define "checkpoint-storage.test.write" -}}
{{ include "checkpoint-storage.test.head" . }}
content | dd of="$name.part" bs=64k conv=fsync 2>/dev/null || die "cannot write as $(id -u):$(id -g); the volume's root is $(stat -c '%u:%g mode %a' .). Set podSecurityContext to its owner, or make the directory writable."
mv "$name.part" "$name" || die "cannot rename a file; savers that publish by rename will lose checkpoints here"
sync
echo "wrote $name: 1 MiB, fsynced, renamed, sha256 $want"
{{- end }}

{{- define "checkpoint-storage.test.read" -}}
{{ include "checkpoint-storage.test.head" . }}
test -f "$name" || die "the file that the first pod wrote is not there: the pods do not see the same storage"
got=$(sum < "$name")
rm -f "$name"
test "$got" = "$want" || die "read back sha256 $got, wrote $want"
echo "read $name back from another pod: sha256 $got"
{{- end }}

{{/* A claim that pods may only read: is it there, and can it be listed? */}}
{{- define "checkpoint-storage.test.list" -}}
set -eu
cd {{ .root.Values.mountPath | quote }}
ls -a > /dev/null
echo "mounted and readable"
{{- end }}

{{/* A raw device: writing would destroy what is on it. */}}
{{- define "checkpoint-storage.test.device" -}}
set -eu
dd if={{ .root.Values.mountPath | quote }} of=/dev/null bs=1M count=1
echo "the device is there and can be read"
{{- end }}
