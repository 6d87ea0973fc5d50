using System.Globalization;
using System.Text.Json.Nodes;
using MeshFromFaces.Core;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace MeshFromFaces.Server.Api;

/// <summary>
/// What the OpenAPI document at /openapi/v1.json says beyond the types of the answers. <c>openapi.json</c> in this project is
/// that document; a test holds the two together.
/// </summary>
internal static class ApiDescription
{
    private const string Problem = "Problem";
    private const string Options = "JobOptions";
    private const string Token = "token";
    private const int Unexpected = StatusCodes.Status500InternalServerError;

    private static readonly Dictionary<(string Method, string Path), Call> Calls = new()
    {
        [("POST", "/v1/jobs")] = new("createJob", "Queue a capture",
            "Takes 1 or more photos of one face at one moment and the wishes for the result.",
            "The job as it was taken; follow it at the address in Location.", 400, 408, 413, 415, 429, 503, 507),
        [("GET", "/v1/jobs")] = new("listJobs", "All jobs, oldest first", null, "Their records."),
        [("GET", "/v1/jobs/{id}")] = new("getJob", "How a job stands", null, "Its record.", 404),
        [("GET", "/v1/jobs/{id}/events")] = new("followJob", "A job's record at every change",
            "Server-sent events: each message is `event: job` with a JobRecord as JSON in one `data:` line, the first at once, "
            + "the last when the job has ended; then the stream ends. Lines that begin with a colon keep the connection alive.",
            "The stream.", 404) { Content = ["text/event-stream"] },
        [("GET", "/v1/jobs/{id}/files/{name}")] = new("getFile", "A file that a job made",
            "The names are those in `files` of the record; a slash in a name stays a slash in the address.",
            "The file.", 404) { Content = ["model/gltf-binary", "image/png", "image/jpeg", "application/json"] },
        [("DELETE", "/v1/jobs/{id}")] = new("deleteJob", "Cancel a job and remove it with its files", null, "It is gone.", 404),
        [("GET", "/v1/model")] = new("getModel", "What may be asked for, and the model that answers",
            "Waits for the model if it is still being loaded.", "The model.", 503),
        [("GET", "/v1/layouts/{name}")] = new("getLayout", "The points of a landmark layout", null, "The points.", 404, 503),
        [("GET", ModelEndpoints.Health)] = new("getHealth", "Whether jobs can run", "Needs no token.", "The state."),
    };

    private static readonly Dictionary<int, string> Problems = new()
    {
        [400] = "The request is malformed, or an option is unknown or out of range.",
        [401] = "The token is missing or wrong.",
        [403] = "The Host or Origin header is not this machine's.",
        [404] = "There is no such thing.",
        [408] = "The body came too slowly.",
        [413] = "A photo, the options, their number or the whole request is over its limit.",
        [415] = "The body is not multipart/form-data.",
        [429] = "As many jobs wait, or as many requests are being received, as may; try again after the time in Retry-After.",
        [503] = "The model cannot be loaded.",
        [507] = "The disk is full.",
        [Unexpected] = "Something else went wrong; the detail says what.",
    };

    public static void Configure(OpenApiOptions options) => options
        .AddSchemaTransformer(DescribeSchemaAsync)
        .AddOperationTransformer(DescribeCallAsync)
        .AddDocumentTransformer(DescribeWholeAsync);

    private static Task DescribeSchemaAsync(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancellation)
    {
        if (context.JsonTypeInfo.Type.IsEnum)
        {
            schema.Type = JsonSchemaType.String;
        }
        return Task.CompletedTask;
    }

    private static Task DescribeCallAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        var (method, path) = (context.Description.HttpMethod!, "/" + context.Description.RelativePath!.TrimEnd('/').Replace("{**", "{", StringComparison.Ordinal));
        if (!Calls.TryGetValue((method, path), out var call))
        {
            throw new InvalidOperationException($"{method} {path} has no entry in {nameof(ApiDescription)}.");
        }
        bool open = path == ModelEndpoints.Health;
        operation.OperationId = call.Id;
        operation.Summary = call.Summary;
        operation.Description = call.Description;
        operation.Tags = new HashSet<OpenApiTagReference> { new(path.StartsWith("/v1/jobs", StringComparison.Ordinal) ? "jobs" : "model", context.Document) };
        operation.Security = open ? [] : null;
        if (call.Id == "createJob")
        {
            operation.RequestBody = Capture(context.Document!);
        }
        var success = (OpenApiResponse)operation.Responses!.Single().Value;
        success.Description = call.Success;
        if (call.Id == "createJob")
        {
            success.Headers = Header("Location", JsonSchemaType.String, "Where the job's record is.");
        }
        if (call.Content.Length > 0)
        {
            success.Content = call.Content.ToDictionary(type => type, _ => new OpenApiMediaType { Schema = Binary() });
        }
        foreach (int status in (int[])[.. open ? Array.Empty<int>() : [401], 403, .. call.Problems])
        {
            operation.Responses![status.ToString(CultureInfo.InvariantCulture)] = new OpenApiResponseReference(NameOf(status), context.Document);
        }
        operation.Responses!["default"] = new OpenApiResponseReference(NameOf(Unexpected), context.Document);
        return Task.CompletedTask;
    }

    private static Task DescribeWholeAsync(OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellation)
    {
        document.Info = new OpenApiInfo
        {
            Title = "MeshFromFaces",
            Version = ServerVersion.Text,
            Description = "Photos of one face in, a posed, textured glTF mesh out, on this machine. Address and token are in server.json in the server's data folder.",
        };
        document.Servers =
        [
            new OpenApiServer
            {
                Url = "http://127.0.0.1:{port}",
                Variables = new Dictionary<string, OpenApiServerVariable> { ["port"] = new() { Default = "8731", Description = "As server.json says." } },
            },
        ];
        document.Tags = new HashSet<OpenApiTag> { new() { Name = "jobs", Description = "Captures on their way." }, new() { Name = "model", Description = "What the server can do." } };
        document.AddComponent<IOpenApiSchema>(Problem, new OpenApiSchema
        {
            Description = "Every error has this form (RFC 9457).",
            Type = JsonSchemaType.Object,
            Required = new HashSet<string> { "title", "status", "detail" },
            Properties = new Dictionary<string, IOpenApiSchema>
            {
                ["title"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "The status in words." },
                ["status"] = new OpenApiSchema { Type = JsonSchemaType.Integer },
                ["detail"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "What is wrong and what to do, for the user." },
            },
        });
        foreach (int status in Problems.Keys)
        {
            document.AddComponent<IOpenApiResponse>(NameOf(status), ProblemAnswer(status, document));
        }
        document.AddComponent<IOpenApiSchema>(Options, JobOptionsSchema());
        document.AddComponent<IOpenApiSecurityScheme>(Token, new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer" });
        document.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Token, document)] = [] }];
        return Task.CompletedTask;
    }

    private static OpenApiSchema JobOptionsSchema()
    {
        var standard = new FaceOptions();
        var sizes = Enumerable.Range(0, 32).Select(bit => 1L << bit).Where(size => size is >= FaceOptions.MinTextureSize and <= FaceOptions.MaxTextureSize);
        return new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            AdditionalPropertiesAllowed = false,
            Properties = new Dictionary<string, IOpenApiSchema>
            {
                ["textureSize"] = new OpenApiSchema
                {
                    Type = JsonSchemaType.Integer,
                    Enum = [.. sizes.Select(size => (JsonNode)size)],
                    Default = standard.TextureSize,
                    Description = "Side of the square texture in texels.",
                },
                ["topology"] = new OpenApiSchema { Type = JsonSchemaType.String, Default = standard.Topology, Description = "The mesh to make; the model's `topologies` name them." },
                ["layout"] = new OpenApiSchema { Type = JsonSchemaType.String, Default = standard.Layout, Description = "The landmarks to give; the model's `layouts` name them." },
                ["style"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "Whose annotation style the landmarks follow: one of the model's `styles`, a blend such as `render:0.3,photo:0.7`, or `none`." },
                ["face"] = new OpenApiSchema { Type = JsonSchemaType.Integer, Minimum = "1", Description = "Which face, when a photo shows several: 1 is the largest. Without it, the one that a quick look finds." },
                ["skipBadViews"] = new OpenApiSchema { Type = JsonSchemaType.Boolean, Default = false, Description = "Leave out photos that cannot be used instead of failing." },
            },
        };
    }

    private static OpenApiRequestBody Capture(OpenApiDocument document) => new()
    {
        Required = true,
        Content = new Dictionary<string, OpenApiMediaType>
        {
            ["multipart/form-data"] = new OpenApiMediaType
            {
                Schema = new OpenApiSchema
                {
                    Type = JsonSchemaType.Object,
                    Required = new HashSet<string> { "images" },
                    Properties = new Dictionary<string, IOpenApiSchema>
                    {
                        ["images"] = new OpenApiSchema
                        {
                            Type = JsonSchemaType.Array,
                            Items = Binary(),
                            MinItems = 1,
                            MaxItems = FacePipeline.MaxViews,
                            Description = "The photos: JPEG, PNG, TIFF or WebP files. Their file names are what messages and camera names call them.",
                        },
                        ["options"] = new OpenApiSchemaReference(Options, document),
                    },
                },
                Encoding = new Dictionary<string, OpenApiEncoding> { ["options"] = new() { ContentType = "application/json" } },
            },
        },
    };

    private static string NameOf(int status) => string.Create(CultureInfo.InvariantCulture, $"problem{status}");

    private static OpenApiResponse ProblemAnswer(int status, OpenApiDocument document) => new()
    {
        Description = Problems[status],
        Headers = status == StatusCodes.Status429TooManyRequests ? Header("Retry-After", JsonSchemaType.Integer, "Seconds.") : null,
        Content = new Dictionary<string, OpenApiMediaType>
        {
            ["application/problem+json"] = new OpenApiMediaType { Schema = new OpenApiSchemaReference(Problem, document) },
        },
    };

    private static Dictionary<string, IOpenApiHeader> Header(string name, JsonSchemaType type, string description) =>
        new() { [name] = new OpenApiHeader { Description = description, Schema = new OpenApiSchema { Type = type } } };

    private static OpenApiSchema Binary() => new() { Type = JsonSchemaType.String, Format = "binary" };

    private sealed record Call(string Id, string Summary, string? Description, string Success, params int[] Problems)
    {
        /// <summary>Content types of an answer that is no JSON record.</summary>
        public string[] Content { get; init; } = [];
    }
}
