using Xunit;

namespace MeshFromFaces.Core.Tests;

public sealed class FaceFilesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mff-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_capture_is_written_whole_over_an_older_one_and_leaves_nothing_else()
    {
        var landmarks = new ViewLandmarks("front.jpg", null, 640, 480, 0.9, "ibug68",
            [new Landmark(1.5f, 2.5f, [0, 0.1f, 0.2f], 0.75f, true)], [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 1, 0, 0, 0, 1], [0, 0, -1], 60);
        var face = new Face([1], [2], [new FaceView(landmarks, [3], [4])], [], []);
        File.WriteAllBytes(Path.Combine(_folder, "me.glb"), [9, 9, 9]);

        var names = FaceFiles.Write(face, _folder, "me.glb");

        Assert.Equal(["me.glb", "texture.png", "textures/view-1.png", "overlay-1.jpg", "landmarks.json"], names);
        var found = Directory.GetFiles(_folder, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(_folder, path));
        Assert.Equal(names.Order(), found.Order());
        Assert.Equal([1], File.ReadAllBytes(Path.Combine(_folder, "me.glb")));
        Assert.Equal(
            """[{"image":"front.jpg","width":640,"height":480,"presence":0.9,"layout":"ibug68","landmarks":[{"x":1.5,"y":2.5,"position":[0,0.1,0.2],"sigma":0.75,"visible":true}],"theta":[1,0,0,0,1,0],"rotation":[1,0,0,0,1,0,0,0,1],"translation":[0,0,-1],"focalMm":60}]""",
            File.ReadAllText(Path.Combine(_folder, "landmarks.json")));
    }
}
