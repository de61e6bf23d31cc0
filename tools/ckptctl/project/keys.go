package project

// key is a key of the project file.
type key struct {
	name, description string
	// kind is text, words (a text or a list of them), truth or number.
	kind string
	// cluster says that a cluster may have its own.
	cluster bool
	// pattern is what a text looks like, says what is wrong with one that does not, and allowed the words it can be.
	pattern, says string
	allowed       []any
	example       any
}

// keys are those of the project file, in the order in which one reads it.
var keys = []key{
	{name: "base", kind: "words", description: "Values files that all overlays share, the last one wins; what -f is to one run.", example: "base.yaml"},
	{name: "overlays", kind: "words", description: "Overlays, each checked separately over the base: files or patterns. If both a folder and the file of a pattern contain a *, the files of one folder are the releases of one cluster, named after their files; otherwise every file is a cluster.", example: "clusters/*.yaml"},
	{name: "set", kind: "words", description: "key=value for every cluster, as --set.", example: []any{"keep=true"}},
	{name: "setString", kind: "words", description: "key=value for every cluster, as --set-string."},
	{name: "setJson", kind: "words", description: "key=value for every cluster, as --set-json."},
	{name: "setFile", kind: "words", description: "key=file for every cluster, as --set-file."},
	{name: "setLiteral", kind: "words", description: "key=value for every cluster, as --set-literal."},
	{name: "strict", kind: "truth", description: "Exit with 1 on warnings too."},
	{name: "output", kind: "text", allowed: []any{"text", "json", "github", "sarif", "junit"}, description: "Format of the report."},
	{name: "release", kind: "text", cluster: true, description: "Name of the release.", example: "checkpoints"},
	{name: "namespace", kind: "text", cluster: true, description: "Namespace of the release.", example: "training"},
	{name: "context", kind: "text", cluster: true, description: "Context of the kubeconfig by which commands reach the cluster. Overlays of one context are releases in one cluster.", example: "berlin"},
	{name: "kubeVersion", kind: "text", cluster: true, pattern: `^v?1\.[0-9]+(\.[0-9]+)?[-+.0-9a-z]*$`, says: "is no version of Kubernetes.", description: "Version of the cluster: features that it does not have are warned of.", example: "1.33"},
	{name: "helm", kind: "number", cluster: true, allowed: []any{3.0, 4.0}, description: "Generation of Helm that reads the values."},
	{name: "quota", kind: "text", cluster: true, pattern: `^[0-9]+(\.[0-9]+)?([KMGTPE]i|[kMGTPE])?$`, says: "is no size.", description: "Size that the claims of the cluster may request together.", example: "10Ti"},
	{name: "chart", kind: "text", cluster: true, description: "Folder or archive of the chart, or of a parent chart; a pattern where chartVersion chooses one of several. Left out: the chart that ckptctl was built with.", example: "vendor/checkpoint-storage-*.tgz"},
	{name: "chartVersion", kind: "text", cluster: true, description: "Version that the chart must have.", example: "0.1.0"},
}

// Schema is the JSON schema of the project file.
func Schema() map[string]any {
	top, own := map[string]any{}, map[string]any{
		"name": map[string]any{
			"type": []any{"string", "array"}, "items": map[string]any{"type": "string", "minLength": 1}, "minLength": 1, "minItems": 1,
			"description": "Names of overlays, or patterns of them. A name is that of the file, or of its folder where all files have one name.", "examples": []any{"eu-*"},
		},
	}
	for _, k := range keys {
		top[k.name] = k.schema()
		if k.cluster {
			own[k.name] = k.schema()
		}
	}
	top["clusters"] = map[string]any{
		"type": "array", "description": "What is particular to some clusters; the last entry that names a cluster wins.",
		"items": map[string]any{"type": "object", "additionalProperties": false, "required": []any{"name"}, "properties": own},
	}
	return map[string]any{
		"$schema": "http://json-schema.org/draft-07/schema#", "title": "Project file of ckptctl, " + Name,
		"description": "Paths are relative to the file. A flag takes the place of its key for one run.",
		"type":        "object", "additionalProperties": false, "properties": top,
	}
}

func (k key) schema() map[string]any {
	out := map[string]any{"description": k.description}
	switch k.kind {
	case "words":
		out["type"], out["items"] = []any{"string", "array"}, map[string]any{"type": "string", "minLength": 1}
	case "truth":
		out["type"] = "boolean"
	case "number":
		out["type"] = "integer"
	default:
		out["type"], out["minLength"] = "string", 1
	}
	if k.pattern != "" {
		out["pattern"], out["patternErrorMessage"] = k.pattern, k.says
	}
	if k.allowed != nil {
		out["enum"] = k.allowed
	}
	if k.example != nil {
		out["examples"] = []any{k.example}
	}
	return out
}
