"""LangChain and LangGraph, with nothing set but address, key and model."""

import asyncio
import unittest
from typing import Annotated, Literal

from langchain.agents import create_agent
from langchain.agents.middleware import wrap_model_call
from langchain.agents.structured_output import ProviderStrategy
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from pydantic import BaseModel, ConfigDict, Field
from served import BASE, ENCODER, KEY, MODEL, THINKER, THINKING, THINKING_BRIEFLY, THOUGHT_TOKENS, TOOLS_MODEL

QUESTION = "Who built the ark?"
# Strict tools take no arguments that their schema does not name.
ONE_CALL = {"parallel_tool_calls": False, "strict": True}


class Builder(BaseModel):
    """Who built it."""

    model_config = ConfigDict(extra="forbid")
    name: Literal["Noah", "Jonah"]
    years: int = Field(ge=1, le=969)


@tool
def measure(part: Literal["length", "height"], unit: Literal["cubit", "foot"]) -> str:
    """Measures the ark."""
    return f"{part}: 30 {unit}"


@tool
def count(kind: Literal["ox", "raven"], limit: Annotated[int, Field(ge=1, le=9)]) -> str:
    """Counts what went in."""
    return f"{kind}: {min(limit, 2)}"


def model(name=MODEL, **options):
    options = {"max_tokens": 150, "seed": 1} | options
    return ChatOpenAI(model=name, base_url=BASE, api_key=KEY, max_retries=0, timeout=120, **options)


class Chat(unittest.TestCase):
    def test_an_answer_comes_whole_and_in_pieces_with_its_usage(self):
        llm = model(max_tokens=25, stream_usage=True)
        whole = llm.invoke(QUESTION)
        self.assertTrue(whole.content)
        self.assertIn(whole.response_metadata["finish_reason"], ("stop", "length"))
        self.assertGreater(whole.usage_metadata["output_tokens"], 0)
        total = None
        for piece in llm.stream(QUESTION):
            total = piece if total is None else total + piece
        self.assertEqual(total.content, whole.content)
        self.assertEqual(total.usage_metadata["output_tokens"], whole.usage_metadata["output_tokens"])

    def test_asynchronous_requests_run_side_by_side(self):
        llm = model(max_tokens=12)

        async def ask():
            streamed = [piece.content async for piece in llm.astream(QUESTION)]
            return await llm.abatch([QUESTION, "Why?", "When?"]), "".join(streamed)

        answers, streamed = asyncio.run(ask())
        self.assertEqual(len(answers), 3)
        self.assertEqual(answers[0].content, streamed)

    def test_responses_are_another_way_to_the_same(self):
        answer = model(use_responses_api=True, max_tokens=20, seed=None).invoke(QUESTION)
        self.assertTrue(answer.text)
        self.assertGreater(answer.usage_metadata["output_tokens"], 0)

    def test_thoughts_are_counted_in_chats_and_blocks_of_their_own_in_responses(self):
        chat = model(THINKER, max_tokens=40, seed=7, stream_usage=True, extra_body=THINKING)
        whole = chat.invoke(QUESTION)
        # This client leaves thoughts out of chats by design; they are not in the text either.
        self.assertTrue(whole.text)
        self.assertNotIn("think>", whole.text)
        counted = whole.usage_metadata["output_token_details"]["reasoning"]
        self.assertIn(counted, range(2, THOUGHT_TOKENS + 1))
        total = None
        for piece in chat.stream(QUESTION):
            total = piece if total is None else total + piece
        self.assertEqual(total.text, whole.text)
        self.assertEqual(total.usage_metadata["output_token_details"]["reasoning"], counted)
        options = {"max_tokens": 60, "seed": None, "output_version": "responses/v1", "extra_body": THINKING_BRIEFLY}
        responses = model(THINKER, use_responses_api=True, **options)
        answer = responses.invoke(QUESTION)
        thought, said = answer.content
        self.assertEqual((thought["type"], said["type"]), ("reasoning", "text"))
        self.assertTrue(thought["content"][0]["text"] and said["text"])
        self.assertGreater(answer.usage_metadata["output_token_details"]["reasoning"], 1)
        total = None
        for piece in responses.stream(QUESTION):
            total = piece if total is None else total + piece
        self.assertEqual(total.text, answer.text)
        self.assertEqual([part["type"] for part in total.content], ["reasoning", "text"])
        # What came goes back, and the next turn is answered.
        again = responses.invoke([HumanMessage(QUESTION), answer, HumanMessage("And why?")])
        self.assertTrue(again.usage_metadata["output_tokens"])


class Structured(unittest.TestCase):
    def test_outputs_are_objects_by_schema_and_by_tool(self):
        for method in ("json_schema", "function_calling"):
            for seed in range(4):
                llm = model(seed=seed).with_structured_output(Builder, method=method)
                self.assertIsInstance(llm.invoke(QUESTION), Builder)

    def test_tools_are_bound_and_called_whole_and_streamed(self):
        llm = model().bind_tools([measure, count], tool_choice="required", **ONE_CALL)
        whole = llm.invoke(QUESTION)
        total = None
        for piece in llm.stream(QUESTION):
            total = piece if total is None else total + piece
        for answer in (whole, total):
            self.assertEqual(len(answer.tool_calls), 1)
            self.assertEqual(answer.invalid_tool_calls, [])
            chosen = {"measure": measure, "count": count}[answer.tool_calls[0]["name"]]
            self.assertIn(": ", chosen.invoke(answer.tool_calls[0]["args"]))
        self.assertEqual(whole.tool_calls[0]["args"], total.tool_calls[0]["args"])


def steps(messages):
    return sum(isinstance(message, AIMessage) for message in messages)


@wrap_model_call
def two_calls_then_words(request, handler):
    """The model is too small to choose by itself when to call."""
    choice = "required" if steps(request.messages) < 2 else "none"
    return handler(request.override(tool_choice=choice, model_settings=ONE_CALL))


class Agents(unittest.TestCase):
    def check(self, messages):
        kinds = [type(message) for message in messages]
        self.assertEqual(kinds, [HumanMessage, AIMessage, ToolMessage, AIMessage, ToolMessage, AIMessage])
        for call, result in ((messages[1], messages[2]), (messages[3], messages[4])):
            self.assertEqual(call.tool_calls[0]["id"], result.tool_call_id)
            self.assertEqual(result.status, "success")
        self.assertEqual(messages[-1].tool_calls, [])
        self.assertTrue(messages[-1].content)

    def test_an_agent_of_langchain_calls_twice_and_answers(self):
        agent = create_agent(model(TOOLS_MODEL), [measure, count], middleware=[two_calls_then_words])
        self.check(agent.invoke({"messages": [HumanMessage(QUESTION)]})["messages"])

    def test_an_agent_with_tools_ends_in_an_object_of_its_schema(self):
        """Each request carries the tools and the schema; from the third on the model may do either."""

        @wrap_model_call
        def a_call_and_then_as_it_likes(request, handler):
            done = steps(request.messages)
            choice = "required" if done < 1 else "auto" if done < 4 else "none"
            return handler(request.override(tool_choice=choice, model_settings={"parallel_tool_calls": False}))

        agent = create_agent(
            model(TOOLS_MODEL), [measure, count], middleware=[a_call_and_then_as_it_likes],
            response_format=ProviderStrategy(Builder, strict=True),
        )
        done = agent.invoke({"messages": [HumanMessage(QUESTION)]})
        self.assertIsInstance(done["structured_response"], Builder)
        self.assertTrue(done["messages"][1].tool_calls)
        self.assertEqual(done["messages"][-1].tool_calls, [])

    def test_a_graph_of_ones_own_loops_streams_and_remembers(self):
        tools = [measure, count]

        def think(state):
            choice = "required" if steps(state["messages"]) < 2 else "none"
            llm = model(TOOLS_MODEL).bind_tools(tools, tool_choice=choice, **ONE_CALL)
            return {"messages": [llm.invoke(state["messages"])]}

        graph = StateGraph(MessagesState)
        graph.add_node("think", think)
        graph.add_node("tools", ToolNode(tools))
        graph.add_edge(START, "think")
        graph.add_conditional_edges("think", tools_condition)
        graph.add_edge("tools", "think")
        agent = graph.compile(checkpointer=InMemorySaver())
        config = {"configurable": {"thread_id": "one"}}
        pieces = 0
        for _, (_, about) in agent.stream(
            {"messages": [HumanMessage(QUESTION)]}, config, stream_mode=["messages"]
        ):
            pieces += about["langgraph_node"] == "think"
        self.assertGreater(pieces, 5)
        first = agent.get_state(config).values["messages"]
        self.check(first)
        later = agent.invoke({"messages": [HumanMessage("And then?")]}, config)["messages"]
        self.assertEqual(len(later), len(first) + 2)


class Embeddings(unittest.TestCase):
    def test_vectors_of_one_text_are_the_same_alone_and_among_others(self):
        # Otherwise the library cuts texts into tokens of OpenAI's models.
        encoder = OpenAIEmbeddings(model=ENCODER, base_url=BASE, api_key=KEY, check_embedding_ctx_length=False)
        many = encoder.embed_documents(["a whale", "a fish"])
        alone = encoder.embed_query("a fish")
        self.assertEqual(len(alone), 384)
        self.assertLess(max(abs(a - b) for a, b in zip(many[1], alone)), 1e-5)


if __name__ == "__main__":
    unittest.main()
