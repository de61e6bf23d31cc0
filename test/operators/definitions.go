package main

// Of this module the tests on a cluster take the CustomResourceDefinitions, which are no Go; an import keeps it in go.mod.
import _ "github.com/prometheus-operator/prometheus-operator/pkg/versionutil"
