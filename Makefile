# `make help` lists the targets.
SHELL := bash
export PATH := $(CURDIR)/.build/bin:$(PATH)
export KUBECONFIG := $(CURDIR)/.build/kubeconfig
# Tests start Helm some thousand times, for a moment each: what the collector would free, the end frees.
unit install: export GOGC := 400

.PHONY: help
help: ## List the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

.PHONY: test
test: ## Everything: the fast checks, the demo, then every test on a real cluster.
	@bash ci/test.sh $(MAKE)

.PHONY: demo
demo: ## Show the main job on a real cluster: a volume bound, its writer killed, every byte read back; a training killed, resumed and resharded (not with SKIP=trainer).
	@bash ci/demo.sh
	@[ "$(SKIP)" = trainer ] || bash ci/demo-trainer.sh

# `make check` takes a sample of what a property is tried on, and leaves the scaffold, which is built, to `make test`.
SHORT := -short

.PHONY: check
check: generate-check lint unit ## Fast: generated files fresh, lint, unit and render tests.

.PHONY: generate
generate: ## Write the schema, the facts and the documentation that follow from the backend folders.
	go run ./tools/generate

.PHONY: new-backend
new-backend: ## Make the folder of a new backend, to be filled in: make new-backend NAME=acmeFiles
	@go run ./tools/scaffold $(NAME)

.PHONY: generate-check
generate-check: ## Fail when a generated file is stale.
	go run ./tools/generate -check

.PHONY: lint
lint: tools ## Lint the charts and the Go code.
	ct lint --config ct.yaml --all
	golangci-lint run ./...
	actionlint

.PHONY: unit
unit: tools ## Unit and render tests, which need no cluster.
	go test $(SHORT) -timeout 30m $$(go list ./... | grep -v -e /test/install -e /test/trainer -e /refusefs $(if $(SHORT),-e /test/scaffold))
	go -C test/csidriver test ./...

.PHONY: trainer
trainer: cluster ## Train for real on file systems that fail: nothing that may be good is set aside. Takes root, for FUSE.
	root=$$(bash ci/trainer-image.sh root) && TRAINER_ROOT=$$root go test ./test/trainer ./test/internal/refusefs -timeout 30m

.PHONY: install
install: cluster ## On the cluster: install every backend, write, kill, read; train, kill, resume.
	@$(MAKE) --no-print-directory -j 3 storage-node spare-cluster trainer-image csi-driver tools
	@bash ci/tools.sh prometheus
	@rm -rf .build/tables
	set -o pipefail; go test ./test/install -timeout 60m -parallel 10 | tee .build/install.log
	@cat .build/tables/*.txt; tail -n 1 .build/install.log

.PHONY: frameworks
frameworks: ## Run the frameworks on file systems that refuse operations, and write what each needs (NAMES="dcp orbax"). Takes root, for FUSE.
	root=$$(bash ci/frameworks-image.sh) && unshare --mount go run ./test/frameworks -root "$$root" $(NAMES)

.PHONY: judge
judge: ## Build the pinned CSI drivers and have them judge their backends again (NAMES="s3Csi topolvm", DRIVER=v1.2.3 for a new release of one). Takes root, for mounts.
	go run ./test/judge -driver '$(DRIVER)' $(NAMES)

.PHONY: bench
bench: cluster tools ## Measure beside kubectl and the node's own disk, and write test/bench/README.md.
	go run ./test/bench -out test/bench/README.md

FUZZTIME := 1m
FUZZ := values:FuzzRead values:FuzzMerge values:FuzzSet check:FuzzCheck check:FuzzFix report:FuzzPrint plain:FuzzClean cli:FuzzSize
# go test -fuzz counts the lines of every package, Kubernetes' API too, and sends all counters to and fro with each text.
FUZZED := -gcflags=checkpoint-storage/tools/...=-d=libfuzzer -gcflags=go.yaml.in/...=-d=libfuzzer -gcflags=sigs.k8s.io/yaml/...=-d=libfuzzer

.PHONY: fuzz
fuzz: ## Look for values that ckptctl and Helm read in two ways, or that break ckptctl, for a minute each (FUZZTIME=1000000x for so many).
	set -e; for target in $(FUZZ); do \
	  name=$${target#*:}; package=$$(go list -f '{{.Dir}}' ./tools/ckptctl/... | grep "/$${target%:*}$$"); \
	  go test -c $(FUZZED) -o .build/fuzz/$$name.test $$package; \
	  (cd $$package && $(CURDIR)/.build/fuzz/$$name.test -test.run '^$$' -test.fuzz "^$$name$$" -test.fuzztime $(FUZZTIME) \
	    -test.fuzzminimizetime 20x -test.fuzzcachedir "$$(go env GOCACHE)/fuzz/$$(go list)"); \
	done

RELEASE := .build/release

.PHONY: release
release: ## Write everything that a release consists of into .build/release, the same to the byte each time (TAG=v0.1.0 compares the version).
	go run ./tools/release build -out $(RELEASE) -tag '$(TAG)'

.PHONY: release-sign
release-sign: ## Sign charts and plugins for Helm: KEYRING=secret.gpg KEY=name, and KEY_PASSPHRASE in the environment.
	go run ./tools/release sign -out $(RELEASE) -keyring '$(KEYRING)' -key '$(KEY)'

.PHONY: release-push
release-push: ## Push the signed release to TO=REGISTRY/PATH, have cosign sign it and attest its SBOMs (COSIGN_KEY=cosign.key, or the identity of the workflow).
	@bash ci/tools.sh cosign
	go run ./tools/release push -out $(RELEASE) -to '$(TO)' -cosign-key '$(COSIGN_KEY)'

.PHONY: release-test
release-test: tools ## Prove a whole release on its own registry: all platforms, both Helms, cosign, plugin, image, pre-commit.
	@bash ci/tools.sh cosign
	@bash ci/pre-commit.sh
	go test -tags full ./test/release -count=1 -timeout 60m

KUBERNETES := all
HELM := all

.PHONY: versions
versions: tools ## Judge the golden files by the API types of each Kubernetes version, and have each Helm render the fixtures (KUBERNETES=1.29 HELM=3.14).
	go test -tags full ./test/versions -count=1 -timeout 120m -kubernetes '$(KUBERNETES)' -helm '$(HELM)'

.PHONY: tools
tools: ## Build the pinned tools into .build/bin.
	@bash ci/tools.sh helm helm4 kubectl ct golangci-lint kube-score promtool actionlint

.PHONY: cluster
cluster: ## A kind cluster of one control plane and two workers, made where it is missing.
	@bash ci/cluster.sh up

# For the tests that stop a node or the API server.
.PHONY: spare-cluster
spare-cluster: cluster
	@SPARE=yes bash ci/cluster.sh up
	@SPARE=yes bash ci/trainer-image.sh

.PHONY: storage-node
storage-node: cluster
	@bash ci/storage-node.sh up
	@bash ci/storage-node.sh pause

.PHONY: trainer-image
trainer-image: cluster
	@bash ci/trainer-image.sh

.PHONY: csi-driver
csi-driver: cluster
	@bash ci/csi-driver.sh

.PHONY: clean-cluster
clean-cluster: ## Remove the cluster, and the container engine where one was started for it.
	@SPARE=yes bash ci/cluster.sh down
	@bash ci/cluster.sh down
