package driver

import (
	"context"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Record is one call that the driver got; they stand on standard output, one a line.
type Record struct {
	Time   time.Time `json:"time"`
	Driver string    `json:"driver"`
	// Node is the node that called; empty for a call to the controller.
	Node string `json:"node,omitempty"`
	Call string `json:"call"`
	// Request is the call's message in the JSON of protocol buffers, secrets and all.
	Request json.RawMessage `json:"request"`
	// Error is what the driver answered; empty when the call went well.
	Error string `json:"error,omitempty"`
}

// Failure is an answer that a test has asked for, a JSON file in the shared folder's failures. A field that is empty
// fits everything.
type Failure struct {
	Driver string `json:"driver"`
	Node   string `json:"node"`
	Volume string `json:"volume"`
	Call   string `json:"call"`
	// Above is a size in bytes up to which a call goes through.
	Above int64 `json:"above"`
	// Code is a gRPC code such as PERMISSION_DENIED.
	Code    codes.Code `json:"code"`
	Message string     `json:"message"`
}

// quiet are calls that come all the time and say nothing about a volume.
var quiet = map[string]bool{
	"GetPluginInfo": true, "GetPluginCapabilities": true, "Probe": true, "NodeGetCapabilities": true, "NodeGetInfo": true,
	"NodeGetVolumeStats": true, "ControllerGetCapabilities": true,
}

var output sync.Mutex

// recorder writes down each call, and fails the ones that a test has asked to fail.
func recorder(driver, node, failures string) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		call := path.Base(info.FullMethod)
		if quiet[call] {
			return handle(ctx, request)
		}
		message, err := protojson.Marshal(request.(proto.Message))
		if err != nil {
			return nil, err
		}
		volume := ""
		if of, ok := request.(interface{ GetVolumeId() string }); ok {
			volume = of.GetVolumeId()
		}
		size := int64(0)
		if of, ok := request.(interface{ GetCapacityRange() *csi.CapacityRange }); ok {
			size = of.GetCapacityRange().GetRequiredBytes()
		}
		var response any
		if err = refused(failures, Failure{Driver: driver, Node: node, Volume: volume, Call: call, Above: size}); err == nil {
			response, err = handle(ctx, request)
		}
		record := Record{Time: time.Now().UTC(), Driver: driver, Node: node, Call: call, Request: message}
		if err != nil {
			record.Error = err.Error()
		}
		line, wrong := json.Marshal(record)
		if wrong != nil {
			return nil, wrong
		}
		output.Lock()
		defer output.Unlock()
		if _, wrong := os.Stdout.Write(append(line, '\n')); wrong != nil {
			return nil, wrong
		}
		return response, err
	}
}

// refused is the error that a test has asked for, when one of its files fits the call.
func refused(folder string, call Failure) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		var f Failure
		if err := json.Unmarshal(text, &f); err != nil {
			return status.Errorf(codes.Internal, "%s: %v", file, err)
		}
		if fits(f.Driver, call.Driver) && fits(f.Node, call.Node) && fits(f.Volume, call.Volume) && fits(f.Call, call.Call) && (f.Above == 0 || call.Above > f.Above) {
			return status.Error(f.Code, f.Message)
		}
	}
	return nil
}

func fits(want, got string) bool { return want == "" || want == got }
