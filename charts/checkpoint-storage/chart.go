// Package chart holds the files of the checkpoint-storage chart, so that a tool built from this module knows the
// chart it was built with.
package chart

import "embed"

// FS holds the chart as it stands in this folder.
//
//go:embed all:templates facts Chart.yaml values.yaml values.schema.json rules.json frameworks.json defaults.json frameworks/*.yaml frameworks/*/*.yaml rules.yaml delivery.yaml docs/values.schema.json
var FS embed.FS
