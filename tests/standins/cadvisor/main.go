// cAdvisor's library with a launcher of the tests: cAdvisor's own is in no published module. It has the metrics and
// /healthz, and neither page nor API.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/cadvisor/cache/memory"
	"github.com/google/cadvisor/container"
	_ "github.com/google/cadvisor/container/docker/install"
	"github.com/google/cadvisor/info/v2"
	"github.com/google/cadvisor/manager"
	"github.com/google/cadvisor/metrics"
	"github.com/google/cadvisor/utils/sysfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

func main() {
	enabled := container.MetricSet{}
	address := flag.String("listen_ip", "", "")
	port := flag.Int("port", 8080, "")
	flag.Var(&enabled, "enable_metrics", "")
	labels := flag.String("whitelisted_container_labels", "", "")
	all := flag.Bool("store_container_labels", true, "")
	klog.InitFlags(nil)
	flag.Parse() // the library brings -housekeeping_interval and the like

	described := metrics.BaseContainerLabels(strings.Split(*labels, ","))
	if *all {
		described = metrics.DefaultContainerLabels
	}
	containers, err := manager.New(
		memory.New(2*time.Minute, nil), sysfs.NewRealSysFs(), manager.HousekeepingConfigFlags, enabled,
		http.DefaultClient, []string{""}, []string{""}, "", 0)
	if err == nil {
		err = containers.Start()
	}
	if err != nil {
		log.Fatal(err)
	}
	latest := v2.RequestOptions{IdType: v2.TypeName, Count: 1, Recursive: true}
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		metrics.NewPrometheusCollector(containers, described, enabled, clock.RealClock{}, latest),
		metrics.NewPrometheusMachineCollector(containers, enabled),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	http.HandleFunc("/healthz", func(answer http.ResponseWriter, _ *http.Request) { fmt.Fprint(answer, "ok") })
	log.Fatal(http.ListenAndServe(net.JoinHostPort(*address, strconv.Itoa(*port)), nil))
}
