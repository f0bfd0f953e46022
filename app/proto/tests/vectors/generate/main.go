// Computes golden vectors of SIGN_MODE_LEGACY_AMINO_JSON with the transaction configuration that wasmd itself signs
// and verifies with: the SDK's encoder over the descriptors that a running wasmd has registered.
//
// run.sh builds it inside wasmd's module. It imports only what wasmd imports, so that packages start in wasmd's order.
// Arguments: the node's descriptor set, by which the cases are encoded, and the cases. Writes the vectors.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	signingv1beta1 "cosmossdk.io/api/cosmos/tx/signing/v1beta1"
	txv1beta1 "cosmossdk.io/api/cosmos/tx/v1beta1"
	"cosmossdk.io/log"
	"cosmossdk.io/x/tx/signing"
	dbm "github.com/cosmos/cosmos-db"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	simtestutil "github.com/cosmos/cosmos-sdk/testutil/sims"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/CosmWasm/wasmd/app"
	wasmkeeper "github.com/CosmWasm/wasmd/x/wasm/keeper"
)

type input struct {
	Name     string          `json:"name"`
	Body     json.RawMessage `json:"body"`
	AuthInfo json.RawMessage `json:"auth_info"`
	Account  uint64          `json:"account_number"`
	Sequence uint64          `json:"sequence"`
}

type output struct {
	Name     string `json:"name"`
	Body     string `json:"body"`
	AuthInfo string `json:"auth_info"`
	Account  uint64 `json:"account_number"`
	Sequence uint64 `json:"sequence"`
	Doc      string `json:"doc"`
}

func must[T any](v T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return v
}

func check(err error) { must(0, err) }

func main() {
	set := &descriptorpb.FileDescriptorSet{}
	check(proto.Unmarshal(must(os.ReadFile(os.Args[1])), set))
	files := must(protodesc.FileOptions{AllowUnresolvable: true}.NewFiles(set))
	types := dynamicpb.NewTypes(files)
	var inputs []input
	check(json.Unmarshal(must(os.ReadFile(os.Args[2])), &inputs))

	home := must(os.MkdirTemp("", "vectors"))
	defer os.RemoveAll(home)
	wasmd := app.NewWasmApp(log.NewNopLogger(), dbm.NewMemDB(), nil, true,
		simtestutil.NewAppOptionsWithFlagHome(home), []wasmkeeper.Option{})
	handler := wasmd.TxConfig().SignModeHandler()

	encode := func(name string, text []byte) []byte {
		desc := must(files.FindDescriptorByName(protoreflect.FullName(name))).(protoreflect.MessageDescriptor)
		msg := dynamicpb.NewMessage(desc)
		if err := (protojson.UnmarshalOptions{Resolver: types}).Unmarshal(text, msg); err != nil {
			panic(fmt.Sprintf("%s: %v", text, err))
		}
		return must(proto.MarshalOptions{Deterministic: true}.Marshal(msg))
	}
	var outputs []output
	for _, in := range inputs {
		bodyBytes := encode("cosmos.tx.v1beta1.TxBody", in.Body)
		authBytes := encode("cosmos.tx.v1beta1.AuthInfo", in.AuthInfo)
		body, auth := &txv1beta1.TxBody{}, &txv1beta1.AuthInfo{}
		check(proto.Unmarshal(bodyBytes, body))
		check(proto.Unmarshal(authBytes, auth))
		sign := func() (string, error) {
			doc, err := handler.GetSignBytes(context.Background(), signingv1beta1.SignMode_SIGN_MODE_LEGACY_AMINO_JSON,
				signing.SignerData{
					Address: "quern1anybody", ChainID: "quern-test-1", AccountNumber: in.Account, Sequence: in.Sequence,
				}, signing.TxData{Body: body, AuthInfo: auth, BodyBytes: bodyBytes, AuthInfoBytes: authBytes})
			return string(doc), err
		}
		text, err := sign()
		if err == nil {
			// A node unpacks messages when it reads a transaction, which writes them again: decimals left out are zeros
			// then. Messages left out that may not be are zeros too, where this chain's encoder refuses them.
			for _, message := range body.Messages {
				var msg sdk.Msg
				known := &codectypes.Any{TypeUrl: message.TypeUrl, Value: message.Value}
				if wasmd.InterfaceRegistry().UnpackAny(known, &msg) == nil {
					message.Value = known.Value
				}
			}
			text, err = sign()
		}
		if err != nil {
			text = "ERROR " + err.Error()
		}
		outputs = append(outputs, output{in.Name, hex.EncodeToString(bodyBytes), hex.EncodeToString(authBytes), in.Account, in.Sequence, text})
	}
	enc := json.NewEncoder(os.Stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	check(enc.Encode(outputs))
}
