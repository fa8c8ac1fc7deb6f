package org.djangoops.standin;

import java.io.IOException;
import java.util.List;
import java.util.function.Supplier;
import org.elasticsearch.action.ActionListener;
import org.elasticsearch.action.admin.indices.create.AutoCreateAction;
import org.elasticsearch.action.admin.indices.create.CreateIndexRequest;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.metadata.DataStream;
import org.elasticsearch.common.Strings;
import org.elasticsearch.common.regex.Regex;
import org.elasticsearch.index.Index;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestChannel;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.xcontent.XContentBuilder;

/** Lists data streams, and makes one as the first document for it would. */
final class DataStreamHandler extends BaseRestHandler {
    private final Supplier<ClusterState> state;

    DataStreamHandler(Supplier<ClusterState> state) {
        this.state = state;
    }

    @Override
    public String getName() {
        return "stand_in_data_stream";
    }

    @Override
    public List<Route> routes() {
        return List.of(
            new Route(RestRequest.Method.GET, "/_data_stream"),
            new Route(RestRequest.Method.GET, "/_data_stream/{name}"),
            new Route(RestRequest.Method.PUT, "/_data_stream/{name}")
        );
    }

    @Override
    protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
        String name = request.param("name", "*");
        if (request.method() == RestRequest.Method.PUT) {
            return channel -> make(name, client, channel);
        }
        return channel -> list(name, channel);
    }

    private void make(String name, NodeClient client, RestChannel channel) {
        if (known(name)) {
            throw new IllegalArgumentException("data_stream [" + name + "] already exists");
        }
        client.execute(AutoCreateAction.INSTANCE, new CreateIndexRequest(name), ActionListener.wrap(done -> {
            boolean made = known(name); // otherwise no template says that it is a data stream, and it is an index now
            XContentBuilder json = channel.newBuilder().startObject().field("acknowledged", made).endObject();
            channel.sendResponse(new RestResponse(made ? RestStatus.OK : RestStatus.BAD_REQUEST, json));
        }, failure -> refuse(channel, failure)));
    }

    private static void refuse(RestChannel channel, Exception failure) {
        try {
            channel.sendResponse(new RestResponse(channel, failure));
        } catch (IOException error) {
            throw new IllegalStateException(error);
        }
    }

    private boolean known(String name) {
        return state.get().metadata().dataStreams().containsKey(name);
    }

    private void list(String names, RestChannel channel) throws IOException {
        String[] patterns = Strings.splitStringByCommaToArray(names);
        XContentBuilder json = channel.newBuilder().startObject().startArray("data_streams");
        boolean any = false;
        for (DataStream stream : state.get().metadata().dataStreams().values()) {
            if (Regex.simpleMatch(patterns, stream.getName())) {
                any = true;
                describe(stream, json);
            }
        }
        json.endArray().endObject();
        RestStatus status = any || names.contains("*") ? RestStatus.OK : RestStatus.NOT_FOUND;
        channel.sendResponse(new RestResponse(status, json));
    }

    private static void describe(DataStream stream, XContentBuilder json) throws IOException {
        json.startObject();
        json.field("name", stream.getName());
        json.startObject("timestamp_field").field("name", "@timestamp").endObject();
        json.startArray("indices");
        for (Index index : stream.getIndices()) {
            json.startObject().field("index_name", index.getName()).field("index_uuid", index.getUUID()).endObject();
        }
        json.endArray();
        json.field("generation", stream.getGeneration());
        json.field("hidden", stream.isHidden());
        json.field("system", stream.isSystem());
        json.endObject();
    }
}
