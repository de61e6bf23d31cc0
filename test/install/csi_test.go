package install

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"
	"checkpoint-storage/test/internal/csi"
	"checkpoint-storage/tools/catalog"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// atOnce is how many backends are proven at one time: most of what they do is to wait for the cluster.
const atOnce = 12

// TestCSIConformance has the kubelet mount what every backend of a CSI driver renders, through a driver that stands in
// for each under its real name and writes down what it is asked for.
func TestCSIConformance(t *testing.T) {
	isHeavy(t)
	t.Parallel()
	c := cluster.Open(t)
	backends := csiBackends(t)
	var all []csiCase
	for _, b := range backends {
		all = append(all, csiCases(t, b)...)
	}
	cases := csiSample(t, all)
	drivers := csiDrivers(t, all)
	suite := &csiSuite{driver: csi.Install(t, c, "conformance", drivers), drivers: drivers, table: newCSITable(cases)}
	suite.zones = newZones(t, c, suite.driver.Client())
	// Printed last, and after failures too.
	t.Cleanup(func() { suite.table.write(t, len(all)) })
	// The backends are not t.Parallel: how many run is not a matter of the machine's cores.
	slots := make(chan struct{}, atOnce)
	var wait sync.WaitGroup
	for _, b := range backends {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			mine := slices.DeleteFunc(slices.Clone(cases), func(c csiCase) bool { return c.backend.Name != b.Name })
			t.Run(b.Name, func(t *testing.T) { suite.backend(t, b, mine) })
		})
	}
	wait.Wait()
}

type csiSuite struct {
	driver  *csi.Installation
	drivers []csi.Driver
	zones   *zones
	table   *csiTable
}

// backend proves one backend, a case after the other: they may be about one and the same volume.
func (suite *csiSuite) backend(t *testing.T, b catalog.Backend, cases []csiCase) {
	s := newStore(t, "csi-"+strings.ToLower(b.Name), "baseline")
	// A run that was broken off may have left its class, which is in no namespace.
	classes := s.client.StorageV1().StorageClasses()
	left, err := classes.List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for _, class := range left.Items {
		if class.Annotations["meta.helm.sh/release-namespace"] == s.ns {
			require.NoError(t, classes.Delete(t.Context(), class.Name, metav1.DeleteOptions{}))
		}
	}
	for _, c := range cases {
		t.Run(c.name(), func(t *testing.T) {
			row := suite.table.row(c)
			row.asked = true
			one := *s
			one.t = t
			suite.prove(&one, c, row)
		})
	}
}

func (suite *csiSuite) prove(s *store, c csiCase, row *csiRow) {
	t := s.t
	want := promised(t, c, s.ns, s.cluster.Workers()[0])
	before := suite.known(c)

	defer suite.takeDown(s, c)
	if out, err := s.tryInstall(c); err != nil {
		// The example is not for every mode that the backend has: there then is a fixture that is.
		require.Equal(t, "static", c.provisioning, out)
		fixtures := c.fixtures(t)
		i := slices.IndexFunc(fixtures, func(fixture csiCase) bool { _, err := s.tryInstall(fixture); return err == nil })
		require.NotEqual(t, -1, i, "the example is refused with %s, and so is every _accept-*.values.yaml: %s", c.mode, out)
		row.c, c, want = fixtures[i], fixtures[i], promise{}
	}
	if want.class != nil {
		suite.makeSecrets(t, secretsOfClass(want.class))
		suite.zones.borrow(t, want.zones())
	} else {
		_, pv := s.bound(release)
		row.bound = yes
		suite.makeSecrets(t, secretsOfVolume(pv.Spec.CSI))
		suite.zones.borrow(t, zonesOfVolume(pv))
	}

	pods := s.csiPods(c)
	log := s.run(pods)
	pvc, pv := s.bound(release)
	row.bound, row.written, row.read = yes, yes, yes
	if c.mode == "ReadOnlyMany" {
		// Whether a volume for readers can be written is the driver's own matter.
		row.written = "not asked"
	}

	var records []csi.Record
	require.Eventually(t, func() bool {
		records = suite.since(before, c, pv.Spec.CSI.VolumeHandle, string(pvc.UID))
		return len(pick(records, "NodePublishVolume")) >= len(pods)
	}, patience, 100*time.Millisecond, "the driver was not asked to mount the volume: %v", records)
	if want.class != nil {
		made := pick(records, "CreateVolume")
		require.NotEmpty(t, made, "the driver was not asked for a volume")
		class, err := s.client.StorageV1().StorageClasses().Get(t.Context(), *pvc.Spec.StorageClassName, metav1.GetOptions{})
		require.NoError(t, err)
		want.class.Name = class.Name
		assertSameClass(t, want.class, class)
		assertMade(t, c, class, made[0])
		assertProvisioned(t, class, pv)
	} else {
		if want.volume != nil {
			assert.Equal(t, sourceOf(c, want.volume), sourceOf(c, pv), "the volume's source is not the reviewed one")
			assert.Equal(t, flagsOf(c, want.volume), flagsOf(c, pv), "the mount options are not the reviewed ones")
			assertReadOnly(t, c, pv)
		}
		assertDocumented(t, c, "attribute", pv.Spec.CSI.VolumeAttributes)
	}
	suite.assertMounts(t, c, pv, records)
	if c.mode != "ReadOnlyMany" {
		assertInForce(t, pv, log)
	}
	if !t.Failed() {
		row.mounted = yes
		row.flags = strings.Join(pv.Spec.MountOptions, ",")
		if row.flags == "" {
			row.flags = "none"
		}
	}
}

// assertMounts checks that every node that a pod ran on mounted the volume as promised.
func (suite *csiSuite) assertMounts(t *testing.T, c csiCase, pv *corev1.PersistentVolume, records []csi.Record) {
	t.Helper()
	driver := suite.drivers[slices.IndexFunc(suite.drivers, func(d csi.Driver) bool { return d.Name == pv.Spec.CSI.Driver })]
	nodes := 1
	if c.many() {
		nodes = 2
	}
	stages, publishes := pick(records, "NodeStageVolume"), pick(records, "NodePublishVolume")
	assert.GreaterOrEqual(t, len(stages), nodes)
	for _, record := range append(stages, publishes...) {
		assertMounted(t, c, pv, record, driver.PodInfo)
		if driver.Attach {
			assert.Equal(t, map[string]string{"attachedTo": record.Node}, record.Request.PublishContext, "%s: publish context", record.Call)
		} else {
			assert.Empty(t, record.Request.PublishContext, "%s: publish context", record.Call)
		}
	}
}

// assertInForce checks that a pod finds those options in force that every mount can have. The others are for the file
// system that the driver would mount, which a directory is not.
func assertInForce(t *testing.T, pv *corev1.PersistentVolume, log string) {
	t.Helper()
	for _, option := range pv.Spec.MountOptions {
		switch option {
		case "noatime", "nodiratime", "nosuid", "nodev", "noexec":
			assert.Contains(t, log, option, "a mount option is not in force")
		}
	}
}

// sourceOf is the source of a volume but for what the case's own modes change, which the reviewed text is not of: a device
// has no file system, and assertReadOnly is about what is only read.
func sourceOf(c csiCase, volume *corev1.PersistentVolume) *corev1.CSIPersistentVolumeSource {
	source := volume.Spec.CSI.DeepCopy()
	source.ReadOnly = false
	if c.volumeMode == "Block" {
		source.FSType = ""
	}
	return source
}

// flagsOf are the mount options of a volume, but for the one that mounts it read-only.
func flagsOf(c csiCase, volume *corev1.PersistentVolume) []string {
	if c.volumeMode == "Block" {
		return nil
	}
	return slices.DeleteFunc(append([]string{}, volume.Spec.MountOptions...), func(option string) bool {
		return slices.ContainsFunc(c.backend.Capabilities.ReadOnly.Options, func(o catalog.ReadOnlyOption) bool { return o.Option == option })
	})
}

// assertReadOnly checks that a volume which is only to be read has all that its driver goes by, and any other none of it.
func assertReadOnly(t *testing.T, c csiCase, pv *corev1.PersistentVolume) {
	t.Helper()
	facts, only := c.backend.Capabilities.ReadOnly, c.mode == "ReadOnlyMany"
	if facts.Attach == catalog.Yes {
		assert.Equal(t, only, pv.Spec.CSI.ReadOnly, "the source's readOnly")
	}
	if i := slices.IndexFunc(facts.Options, func(o catalog.ReadOnlyOption) bool { return o.When == nil }); i >= 0 && c.volumeMode == "Filesystem" {
		assert.Equal(t, only, slices.Contains(pv.Spec.MountOptions, facts.Options[i].Option), "%s in %v", facts.Options[i].Option, pv.Spec.MountOptions)
	}
}

// assertSameClass compares what the class asks of the driver with the reviewed text.
func assertSameClass(t *testing.T, want, got *storagev1.StorageClass) {
	t.Helper()
	assert.Equal(t, want.Provisioner, got.Provisioner)
	assert.Equal(t, orEmpty(want.Parameters), orEmpty(got.Parameters), "the class's parameters are not the reviewed ones")
	assert.Equal(t, want.MountOptions, got.MountOptions, "the class's mount options are not the reviewed ones")
}

// assertProvisioned checks that the volume that was made carries on what the class says about mounting it.
func assertProvisioned(t *testing.T, class *storagev1.StorageClass, pv *corev1.PersistentVolume) {
	t.Helper()
	assert.Equal(t, class.MountOptions, pv.Spec.MountOptions)
	assert.Equal(t, classSecret(class, "node-stage"), pv.Spec.CSI.NodeStageSecretRef)
	assert.Equal(t, classSecret(class, "node-publish"), pv.Spec.CSI.NodePublishSecretRef)
}

// makeSecrets makes those that are named.
func (suite *csiSuite) makeSecrets(t *testing.T, refs []*corev1.SecretReference) {
	t.Helper()
	for _, ref := range refs {
		if ref != nil {
			suite.driver.MakeSecret(t, ref)
		}
	}
}

// known are the calls for a case's driver before it begins.
func (suite *csiSuite) known(c csiCase) map[string]bool {
	out := map[string]bool{}
	for _, r := range suite.driver.Records(func(r csi.Record) bool { return r.Driver == c.driver() }) {
		out[r.Key()] = true
	}
	return out
}

// since are the calls since then for a volume, by its handle or by the claim it was made for.
func (suite *csiSuite) since(before map[string]bool, c csiCase, handle, claim string) []csi.Record {
	return suite.driver.Records(func(r csi.Record) bool {
		return r.Driver == c.driver() && !before[r.Key()] && (r.Request.VolumeID == handle || r.Request.Name == "pvc-"+claim)
	})
}

func pick(records []csi.Record, call string) []csi.Record {
	return slices.DeleteFunc(slices.Clone(records), func(r csi.Record) bool { return r.Call != call })
}

// takeDown removes the release, claim and volume and all, once the volume is nowhere mounted or attached.
func (suite *csiSuite) takeDown(s *store, c csiCase) {
	now := int64(0)
	ctx := s.t.Context()
	_ = s.client.CoreV1().Pods(s.ns).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{})
	// After a failure too: the next case has the same name.
	assert.EventuallyWithT(s.t, func(t *assert.CollectT) {
		pods, err := s.client.CoreV1().Pods(s.ns).List(ctx, metav1.ListOptions{})
		assert.NoError(t, err)
		assert.Empty(t, pods.Items)
		claim, err := s.client.CoreV1().PersistentVolumeClaims(s.ns).Get(ctx, release, metav1.GetOptions{})
		if apierrors.IsNotFound(err) || claim.Spec.VolumeName == "" {
			return
		}
		assert.NoError(t, err)
		volume, err := s.client.CoreV1().PersistentVolumes().Get(ctx, claim.Spec.VolumeName, metav1.GetOptions{})
		if assert.NoError(t, err) {
			assert.Empty(t, suite.mountedOn(c.driver(), volume.Spec.CSI.VolumeHandle), "still mounted")
		}
		attachments, err := s.client.StorageV1().VolumeAttachments().List(ctx, metav1.ListOptions{})
		assert.NoError(t, err)
		for _, a := range attachments.Items {
			assert.NotEqual(t, claim.Spec.VolumeName, *a.Spec.Source.PersistentVolumeName, "still attached to %s", a.Spec.NodeName)
		}
	}, patience, interval)
	s.helm("uninstall", release, "--wait", "--ignore-not-found")
}

// mountedOn are the nodes that have staged a volume and not given it back.
func (suite *csiSuite) mountedOn(driver, handle string) []string {
	staged := map[string]bool{}
	for _, r := range suite.driver.Records(func(r csi.Record) bool { return r.Driver == driver && r.Request.VolumeID == handle }) {
		switch {
		case r.Call == "NodeStageVolume" && r.Error == "":
			staged[r.Node] = true
		case r.Call == "NodeUnstageVolume" && r.Error == "":
			delete(staged, r.Node)
		}
	}
	return slices.Sorted(maps.Keys(staged))
}

// tryInstall installs the chart with the values of a case.
func (s *store) tryInstall(c csiCase) (string, error) {
	s.t.Helper()
	text, err := yaml.Marshal(c.values)
	require.NoError(s.t, err)
	file := filepath.Join(s.t.TempDir(), "values.yaml")
	require.NoError(s.t, os.WriteFile(file, text, 0o600))
	out, err := s.tryHelm("install", release, charts.Chart(), "--values", file, "--output", "json")
	if err != nil {
		return out, err
	}
	var stored struct{ Hooks []struct{ Manifest string } }
	require.NoError(s.t, json.NewDecoder(strings.NewReader(out)).Decode(&stored), out)
	s.hooks = nil
	for _, h := range stored.Hooks {
		s.hooks = append(s.hooks, h.Manifest)
	}
	return out, nil
}
