using MeshFromFaces.Server.Cli;

return await CommandLine.RunAsync(args);
