// Computes golden vectors of SIGN_MODE_LEGACY_AMINO_JSON with the Cosmos SDK's own encoder
// (cosmossdk.io/x/tx), from the descriptors that the node is built from.
//
// Usage: go run . ../../../../../.deps/descriptors/cosmos.binpb cases.json >../amino.json
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	_ "cosmossdk.io/api/amino"
	txv1beta1 "cosmossdk.io/api/cosmos/tx/v1beta1"
	"cosmossdk.io/x/tx/signing"
	"cosmossdk.io/x/tx/signing/aminojson"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
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

func main() {
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(must(os.ReadFile(os.Args[1])), set); err != nil {
		panic(err)
	}
	files := must(protodesc.FileOptions{AllowUnresolvable: true}.NewFiles(set))
	types := dynamicpb.NewTypes(files)
	var inputs []input
	if err := json.Unmarshal(must(os.ReadFile(os.Args[2])), &inputs); err != nil {
		panic(err)
	}
	handler := aminojson.NewSignModeHandler(aminojson.SignModeHandlerOptions{
		FileResolver: files,
		TypeResolver: &protoregistry.Types{},
	})
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
		if err := proto.Unmarshal(bodyBytes, body); err != nil {
			panic(err)
		}
		if err := proto.Unmarshal(authBytes, auth); err != nil {
			panic(err)
		}
		doc, err := handler.GetSignBytes(context.Background(), signing.SignerData{
			Address: "quern1anybody", ChainID: "quern-test-1", AccountNumber: in.Account, Sequence: in.Sequence,
		}, signing.TxData{Body: body, AuthInfo: auth, BodyBytes: bodyBytes, AuthInfoBytes: authBytes})
		text := string(doc)
		if err != nil {
			text = "ERROR " + err.Error()
		}
		outputs = append(outputs, output{in.Name, hex.EncodeToString(bodyBytes), hex.EncodeToString(authBytes), in.Account, in.Sequence, text})
	}
	enc := json.NewEncoder(os.Stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(outputs); err != nil {
		panic(err)
	}
}
