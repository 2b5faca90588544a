// Package verify checks the files for Kubernetes, and the one for Docker Compose: each is what the API takes, to the last
// field, and together they say what docs/kubernetes.md promises. It needs no network.
package verify

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// applied is what kubectl apply -k sends.
type applied struct {
	deployment  apps.Deployment
	settings    core.ConfigMap
	account     core.ServiceAccount
	services    []core.Service
	disruption  policy.PodDisruptionBudget
	autoscaler  autoscaling.HorizontalPodAutoscaler
	network     networking.NetworkPolicy
	monitor     monitoring.ServiceMonitor
	alertRules  monitoring.PrometheusRule
	definitions []meta.ObjectMeta
}

func build(t *testing.T) (a applied) {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "../kubernetes")
	require.NoError(t, err)
	text, err := resources.AsYaml()
	require.NoError(t, err)
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return a
		}
		require.NoError(t, err)
		a.add(t, document)
	}
}

// add decodes an object. A field that the API does not have is an error.
func (a *applied) add(t *testing.T, document []byte) {
	t.Helper()
	var kind meta.PartialObjectMetadata
	require.NoError(t, yaml.Unmarshal(document, &kind))
	a.definitions = append(a.definitions, kind.ObjectMeta)
	var into any
	switch kind.APIVersion + " " + kind.Kind {
	case "apps/v1 Deployment":
		into = &a.deployment
	case "v1 ConfigMap":
		into = &a.settings
	case "v1 ServiceAccount":
		into = &a.account
	case "v1 Service":
		a.services = append(a.services, core.Service{})
		into = &a.services[len(a.services)-1]
	case "policy/v1 PodDisruptionBudget":
		into = &a.disruption
	case "autoscaling/v2 HorizontalPodAutoscaler":
		into = &a.autoscaler
	case "networking.k8s.io/v1 NetworkPolicy":
		into = &a.network
	case "monitoring.coreos.com/v1 ServiceMonitor":
		into = &a.monitor
	case "monitoring.coreos.com/v1 PrometheusRule":
		into = &a.alertRules
	default:
		require.FailNow(t, "this kind is not checked", "%s %s", kind.APIVersion, kind.Kind)
	}
	require.NoError(t, yaml.UnmarshalStrict(document, into), string(document))
}

func (a *applied) pod() core.PodSpec         { return a.deployment.Spec.Template.Spec }
func (a *applied) container() core.Container { return a.pod().Containers[0] }

// variable returns the value of a variable of the container.
func (a *applied) variable(name string) (value string, from *core.EnvVarSource) {
	for _, env := range a.container().Env {
		if env.Name == name {
			return env.Value, env.ValueFrom
		}
	}
	return a.settings.Data[name], nil
}

func (a *applied) duration(t *testing.T, name string) time.Duration {
	t.Helper()
	text, _ := a.variable(name)
	d, err := time.ParseDuration(text)
	require.NoError(t, err, name)
	return d
}

func TestEachObjectIsWhatTheAPITakes(t *testing.T) {
	a := build(t)
	require.Len(t, a.definitions, 10)
	for _, object := range a.definitions {
		require.Empty(t, validation.IsDNS1123Subdomain(object.Name), object.Name)
		require.Equal(t, "mlcache", object.Namespace, object.Name)
		require.Equal(t, "mlcache", object.Labels["app.kubernetes.io/name"], object.Name)
		for key, value := range object.Labels {
			require.Empty(t, validation.IsQualifiedName(key))
			require.Empty(t, validation.IsValidLabelValue(value))
		}
		for key := range object.Annotations {
			require.Empty(t, validation.IsQualifiedName(key))
		}
	}
	for _, variable := range a.container().Env {
		require.Empty(t, validation.IsEnvVarName(variable.Name))
	}
}

func TestEachSelectorFindsThePods(t *testing.T) {
	a := build(t)
	pod := a.deployment.Spec.Template.Labels
	within := func(selected map[string]string) {
		t.Helper()
		require.NotEmpty(t, selected)
		require.Subset(t, pod, selected)
	}
	within(a.deployment.Spec.Selector.MatchLabels)
	within(a.disruption.Spec.Selector.MatchLabels)
	within(a.network.Spec.PodSelector.MatchLabels)
	for _, spread := range a.pod().TopologySpreadConstraints {
		within(spread.LabelSelector.MatchLabels)
	}
	ports := map[intstr.IntOrString]bool{}
	for _, port := range a.container().Ports {
		ports[intstr.FromString(port.Name)] = true
	}
	monitored := 0
	for _, service := range a.services {
		within(service.Spec.Selector)
		for _, port := range service.Spec.Ports {
			require.True(t, ports[port.TargetPort], port.TargetPort.String())
		}
		if isSubset(a.monitor.Spec.Selector.MatchLabels, service.Labels) {
			monitored++
			require.Equal(t, a.monitor.Spec.Endpoints[0].Port, service.Spec.Ports[0].Name)
		}
	}
	require.Equal(t, 1, monitored, "each pod is scraped once")
	target := a.autoscaler.Spec.ScaleTargetRef
	require.Equal(t, []string{a.deployment.Name, "Deployment", "apps/v1"}, []string{target.Name, target.Kind, target.APIVersion})
	require.Equal(t, a.account.Name, a.pod().ServiceAccountName)
	require.Equal(t, a.settings.Name, a.container().EnvFrom[0].ConfigMapRef.Name)
}

func isSubset(part, whole map[string]string) bool {
	for key, value := range part {
		if whole[key] != value {
			return false
		}
	}
	return true
}

// An outage of Redis or of the source restarts no pod, and takes none out of service.
func TestProbesAskForWhatTheyAreFor(t *testing.T) {
	a := build(t)
	c := a.container()
	for path, probe := range map[string][]*core.Probe{"/ready": {c.StartupProbe, c.ReadinessProbe}, "/health": {c.LivenessProbe}} {
		for _, p := range probe {
			require.Equal(t, path, p.HTTPGet.Path)
			require.Equal(t, "admin", p.HTTPGet.Port.String(), "where clients cannot take all connections")
		}
	}
	require.NotNil(t, c.LivenessProbe)
}

// A pod that ends serves until endpoints have changed, then finishes, and is not killed
// before.
func TestAPodHasTimeToEnd(t *testing.T) {
	a := build(t)
	drain, shutdown := a.duration(t, "MLCACHE_DRAIN_DELAY"), a.duration(t, "MLCACHE_SHUTDOWN_TIMEOUT")
	require.GreaterOrEqual(t, drain, 5*time.Second)
	grace := time.Duration(*a.pod().TerminationGracePeriodSeconds) * time.Second
	require.GreaterOrEqual(t, grace, drain+shutdown+5*time.Second)
	require.Nil(t, a.container().Lifecycle, "the drain delay is the preStop; both would add up")
}

// Above one replica there must be a Redis: without the Secret the pods do not start.
func TestRedisIsRequired(t *testing.T) {
	a := build(t)
	require.Greater(t, *a.autoscaler.Spec.MinReplicas, int32(1))
	require.Nil(t, a.deployment.Spec.Replicas, "an apply would undo what the autoscaler did")
	_, from := a.variable("MLCACHE_REDIS_URL")
	require.NotNil(t, from)
	require.NotNil(t, from.SecretKeyRef)
	require.Nil(t, from.SecretKeyRef.Optional)
}

// The program takes L1 and 256 MiB, and at most 85 % of the limit.
func TestTheMemoryLimitHasRoom(t *testing.T) {
	a := build(t)
	l1 := resource.MustParse(strings.TrimSuffix(a.settings.Data["MLCACHE_L1_MAX_BYTES"], "B"))
	resources := a.container().Resources
	limit := resources.Limits.Memory()
	require.LessOrEqual(t, (l1.Value()+256<<20)*100/85, limit.Value())
	require.True(t, resources.Limits.Cpu().IsZero(), "being throttled shows in latency")
	require.False(t, resources.Requests.Cpu().IsZero(), "the autoscaler needs it")
	limited, from := a.variable("GOMEMLIMIT")
	require.Empty(t, limited)
	require.Nil(t, from)
}

func TestAllReplicasTogetherSuitTheSource(t *testing.T) {
	a := build(t)
	each, err := strconv.Atoi(a.settings.Data["MLCACHE_SOURCE_CONCURRENCY"])
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(each*int(a.autoscaler.Spec.MaxReplicas)), a.deployment.Annotations["mlcache/source-calls-at-most"])
}

func TestPodsGoOneByOneAndSlowly(t *testing.T) {
	a := build(t)
	require.Equal(t, "cpu", a.autoscaler.Spec.Metrics[0].Resource.Name.String())
	down := a.autoscaler.Spec.Behavior.ScaleDown
	require.GreaterOrEqual(t, *down.StabilizationWindowSeconds, int32(600))
	require.Equal(t, int32(1), down.Policies[0].Value)
	require.Equal(t, autoscaling.PodsScalingPolicy, down.Policies[0].Type)
	require.Equal(t, 1, a.disruption.Spec.MaxUnavailable.IntValue())
	require.Equal(t, 0, a.deployment.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue())
}

func TestPodsHaveNoRights(t *testing.T) {
	a := build(t)
	require.False(t, *a.account.AutomountServiceAccountToken)
	require.False(t, *a.pod().AutomountServiceAccountToken)
	require.True(t, *a.pod().SecurityContext.RunAsNonRoot)
	require.Equal(t, core.SeccompProfileTypeRuntimeDefault, a.pod().SecurityContext.SeccompProfile.Type)
	c := a.container().SecurityContext
	require.True(t, *c.ReadOnlyRootFilesystem)
	require.False(t, *c.AllowPrivilegeEscalation)
	require.Equal(t, []core.Capability{"ALL"}, c.Capabilities.Drop)
}

// Clients reach the public port, monitoring the admin port, and nobody both by accident.
func TestTheAdminPortIsForMonitoring(t *testing.T) {
	a := build(t)
	require.ElementsMatch(t, []networking.PolicyType{"Ingress", "Egress"}, a.network.Spec.PolicyTypes)
	for _, rule := range a.network.Spec.Ingress {
		require.Len(t, rule.Ports, 1)
		require.NotEmpty(t, rule.From)
		if rule.Ports[0].Port.String() == "admin" {
			require.Len(t, rule.From, 1)
			require.Equal(t, "monitoring", rule.From[0].NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"])
		}
	}
	addr, _ := a.variable("MLCACHE_ADMIN_ADDR")
	require.Equal(t, ":9000", addr)
}

func TestTheAlertRulesAreThoseOfPrometheus(t *testing.T) {
	a := build(t)
	text, err := os.ReadFile("../../observe/alerts.yml")
	require.NoError(t, err)
	var rules monitoring.PrometheusRuleSpec
	require.NoError(t, yaml.UnmarshalStrict(text, &rules))
	require.NotEmpty(t, rules.Groups)
	require.Equal(t, rules, a.alertRules.Spec)
}
