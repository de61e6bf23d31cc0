{{/*
A directory or a fileset of IBM Storage Scale.
*/}}

{{/*
Outputs: the volume handle: class type 0, which is static; the volume's type; cluster; file system; no consistency group;
fileset; path.
*/}}
{{- define "checkpoint-storage.backend.ibmScale.handle" -}}
{{- $type := get (dict "directory" 0 "dependentFileset" 1 "independentFileset" 2) .section.volumeType }}
{{- $fileset := ternary "" .section.filesetName (eq .section.volumeType "directory") }}
{{- printf "0;%d;%s;%s;;%s;%s" (int $type) .section.clusterId .section.fileSystemId $fileset .section.path }}
{{- end }}
