{{- define "roomlog.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{- else -}}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{- define "roomlog.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "roomlog.labels" -}}
{{ include "roomlog.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "roomlog.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* One pod of either kind: {root, component, values, ports, env}. */}}
{{- define "roomlog.pod" -}}
{{- $root := .root -}}
metadata:
  labels: {{- include "roomlog.labels" (dict "root" $root "component" .component) | nindent 4 }}
  annotations:
    checksum/config: {{ include (print $root.Template.BasePath "/configmap.yaml") $root | sha256sum }}
    prometheus.io/scrape: "true"
    prometheus.io/port: "7401"
    prometheus.io/path: /metrics
    {{- with .values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ include "roomlog.fullname" $root }}
  automountServiceAccountToken: false
  # A Service called `roomlog` would otherwise inject ROOMLOG_PORT and the like, which the configuration refuses.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds }}
  {{- with $root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    seccompProfile: { type: RuntimeDefault }
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "roomlog.selector" (dict "root" $root "component" .component) | nindent 10 }}
  {{- with .values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .values.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .component }}
      image: {{ include "roomlog.image" $root }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: [{{ .component }}, --config, /etc/roomlog/roomlog.yaml]
      env:
        - name: POD_NAME
          valueFrom: { fieldRef: { fieldPath: metadata.name } }
        - name: ROOMLOG_{{ upper .component }}_NAME
          value: $(POD_NAME)
        - name: ROOMLOG_{{ upper .component }}_ADMIN_HOST
          value: 0.0.0.0
        - name: ROOMLOG_{{ upper .component }}_ADMIN_PORT
          value: "7401"
        {{- if eq .component "gateway" }}
        - name: ROOMLOG_GATEWAY_HOST
          value: 0.0.0.0
        - name: ROOMLOG_GATEWAY_PORT
          value: "7400"
        - name: ROOMLOG_GATEWAY_DRAIN_DELAY_MS
          value: {{ .values.drainDelayMs | toString | quote }}
        - name: ROOMLOG_GATEWAY_DRAIN_WINDOW_MS
          value: {{ .values.drainWindowMs | toString | quote }}
        {{- end }}
      {{- with $root.Values.existingSecret }}
      envFrom:
        - secretRef: { name: {{ . }} }
      {{- end }}
      ports:
        {{- if eq .component "gateway" }}
        - { name: public, containerPort: 7400 }
        {{- end }}
        - { name: admin, containerPort: 7401 }
      # Folding a long log takes a while: the start-up probe waits, the others stay sharp.
      startupProbe:
        httpGet: { path: /live, port: admin }
        periodSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: { path: /live, port: admin }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: /ready, port: admin }
        periodSeconds: 3
        timeoutSeconds: 3
        failureThreshold: 2
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        runAsNonRoot: true
        runAsUser: 10001
        runAsGroup: 10001
        capabilities: { drop: [ALL] }
      resources: {{- toYaml .values.resources | nindent 8 }}
      volumeMounts:
        - { name: config, mountPath: /etc/roomlog, readOnly: true }
        - { name: tmp, mountPath: /tmp }
  volumes:
    - name: config
      configMap: { name: {{ include "roomlog.fullname" $root }} }
    - name: tmp
      emptyDir: { sizeLimit: 64Mi }
{{- end -}}
