{{- define "tidewater.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "tidewater.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tidewater.labels" -}}
{{ include "tidewater.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "tidewater.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "tidewater.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "tidewater.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- define "tidewater.configMap" -}}
{{- .Values.existingConfigMap | default (printf "%s-config" (include "tidewater.fullname" .)) -}}
{{- end -}}

{{- define "tidewater.scheme" -}}
{{- ternary "https" "http" .Values.tls -}}
{{- end -}}

{{/* The deployment that runs the stage serve. */}}
{{- define "tidewater.serving" -}}
{{- range $name, $deployment := .Values.deployments -}}
{{- if has "serve" $deployment.stages }}{{ $name }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* What would leave a table unserved, refused before anything is installed. */}}
{{- define "tidewater.check" -}}
{{- if and (not .Values.config) (not .Values.existingConfigMap) -}}
{{- fail "config: give the text of tidewater.yaml (--set-file config=tidewater.yaml), or existingConfigMap" -}}
{{- end -}}
{{- if and .Values.config (not (regexMatch "listen:\\s*[\"']?(0\\.0\\.0\\.0|\\[::\\]):8181" .Values.config)) -}}
{{- fail "config: server.listen must be 0.0.0.0:8181, where probes, the Service and Prometheus look for it" -}}
{{- end -}}
{{- $hasTls := regexMatch "(?m)^[^#\n]*\\btls:(\\s|$)" (.Values.config | default "") -}}
{{- if and .Values.config (ne $hasTls .Values.tls) -}}
{{- fail "tls: true belongs together with server.tls in config: probes, KEDA and Prometheus ask over HTTPS then" -}}
{{- end -}}
{{- $all := list "discover" "plan" "convert" "publish" "maintain" "serve" -}}
{{- $run := list -}}
{{- range $name, $deployment := .Values.deployments -}}
{{- $run = concat $run $deployment.stages -}}
{{- if ne (has "discover" $deployment.stages) (has "plan" $deployment.stages) -}}
{{- fail (printf "deployments.%s.stages: discover and plan go together" $name) -}}
{{- end -}}
{{- end -}}
{{- range $all -}}
{{- if not (has . $run) -}}
{{- fail (printf "deployments: no deployment runs the stage %s" .) -}}
{{- end -}}
{{- end -}}
{{- if and (ne .Values.autoscaling.kind "none") (not (hasKey .Values.deployments "convert")) -}}
{{- fail "autoscaling: there is no deployment named convert" -}}
{{- end -}}
{{- end -}}
